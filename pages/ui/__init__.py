"""What the pages share: the player, and the parts every page is made of."""
