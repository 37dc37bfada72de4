"""The whole of ``template.yaml`` on this machine: no Docker, no AWS account."""
