// A sample, never compiled: anchors nested, overlapping, side by side.
// ANCHOR: all
__global__ void demo(const float* A, float* B, int n) {
    // ANCHOR: index
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    // ANCHOR: guard
    if (i >= n) return;
    // ANCHOR_END: index
    B[i] = A[i];
    // ANCHOR_END: guard
}
// ANCHOR_END: all
