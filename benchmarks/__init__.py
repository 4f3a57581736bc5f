"""What a call, a cast and a server cost, as ratios to floors measured in the same run."""
