// ANCHOR: open
int a;
// ANCHOR: empty

// ANCHOR_END: empty
