"""``gatehouse demo``: real devices connect to a local AWS IoT Core; they are admitted, refused or held, or people decide."""
