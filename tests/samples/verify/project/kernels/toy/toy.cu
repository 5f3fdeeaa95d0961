// Read by tests/samples/verify/bin/nvcc, which is no compiler: each line `name: behaviour
// microseconds` below makes the program behave that way when asked for that version.

// ANCHOR: copy
copy: right 100
// ANCHOR_END: copy

// ANCHOR: fast
fast: right 125
// ANCHOR_END: fast
