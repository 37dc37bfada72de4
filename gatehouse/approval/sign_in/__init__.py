"""Signing in with any OpenID Connect provider: in a browser on this machine, in one elsewhere, or with a code for another device."""
