"""``gatehouse demo``: real devices knock at a local AWS IoT Core, and the door opens, stays shut, or asks people."""
