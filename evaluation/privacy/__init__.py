"""What a synthetic set gives away of those it was trained on."""
