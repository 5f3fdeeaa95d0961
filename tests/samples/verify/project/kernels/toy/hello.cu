// ANCHOR: hello
prints: hello from 32 lanes
// ANCHOR_END: hello
