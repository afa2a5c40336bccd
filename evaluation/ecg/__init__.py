"""What is measured on an ECG, and how an ECG is drawn; the statistics behind it know no ECG."""
