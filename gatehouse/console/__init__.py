"""The console: a web page on this machine that shows admissions live. It is read-only, except for redrives where they are allowed."""
