// Stands for the harness: only its bytes count here.
