"""The retraining stack: data, LiDAR simulation, synthetic scenes, losses, the loop and its recipes."""
