"""The console: a web page on this machine that shows admissions as they happen. Read-only, but for a redrive where that is allowed."""
