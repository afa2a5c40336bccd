"""What a row of anybody's table says of a sample: targets, groups, masks and boxes, without code."""
