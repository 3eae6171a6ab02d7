"""What Candor costs, in ratios against what people would use instead; run by `make bench`."""
