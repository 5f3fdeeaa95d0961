/*
Convolution: y[n][k][h][w] = Σ x[n][c][h + r - 1][w + s - 1] · f[k][c][r][s] over c, r and s.
3×3, stride 1, zero padding of one pixel, NCHW, float. A shape is N×C×K×H×W, of any sizes that
keep N·C, N·K, N·H·W and 16·C·K below 2³¹; the first three versions put K and N into gridDim.y
and z, which end at 65535.

nvcc -O3 -std=c++17 -lineinfo -arch=native conv.cu -o conv && ./conv

The bound is the FP32 peak: 9·C multiply-adds an output. Each version removes one cost:

naive          one thread an output; each multiply-add loads a pixel and a weight
constant       the weights come through the constant cache: half of the loads are gone
tiled          pixels from a tile with its halo in shared memory: nine reads, one load
register       a thread keeps 8 pixels × 8 filters: a pixel serves 24 multiply-adds a load
im2col         the detour of libraries: the windows as a matrix, then a tuned GEMM
implicit-gemm  the same GEMM gathers its columns itself: no matrix in memory
winograd       F(2×2, 3×3), fused: 16 multiplications for 4 outputs instead of 36

The filters are reordered or transformed inside each timed call.
*/
#include <algorithm>
#include <cmath>

#include <cuda_pipeline.h>

#include "../harness/harness.h"
#include "../harness/libraries/cudnn.h"

struct Conv { int N, C, K, H, W; };

__host__ __device__ constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }
__host__ __device__ constexpr int round_up(int a, int b) { return ceil_div(a, b) * b; }

// ----------------------------------------------------------------------------
// GPU kernels

// ANCHOR: naive
// One thread an output.
__global__ void naive_kernel(const float* x, const float* f,
                             float* y, Conv d) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    int k = blockIdx.y, n = blockIdx.z;
    if (i >= d.H * d.W) return;
    int row = i / d.W, col = i % d.W;
    float sum = 0;
    for (int c = 0; c < d.C; c++) {
        const float* in = x + size_t(n * d.C + c) * d.H * d.W;
        const float* g = f + (k * d.C + c) * 9;
        for (int r = 0; r < 3; r++)
            for (int s = 0; s < 3; s++) {
                int h = row + r - 1, w = col + s - 1;
                if (h >= 0 && h < d.H && w >= 0 && w < d.W)
                    sum += in[h * d.W + w] * g[3 * r + s];
            }
    }
    y[size_t(n * d.K + k) * d.H * d.W + i] = sum;
}
// ANCHOR_END: naive

// Floats in 64 KB, all the constant memory there is. Mutants are tested with 16 copies of this
// file in one program, which share it.
#ifdef HARNESS_NO_BASELINES
constexpr int CONSTANT = 800;
#else
constexpr int CONSTANT = 16384;
#endif

// ANCHOR: constant
__constant__ float filters[CONSTANT];

__global__ void constant_kernel(const float* x, float* y,
                                Conv d, int first) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    int k = blockIdx.y, n = blockIdx.z;
    if (i >= d.H * d.W) return;
    int row = i / d.W, col = i % d.W;
    float sum = 0;
    for (int c = 0; c < d.C; c++) {
        const float* in = x + size_t(n * d.C + c) * d.H * d.W;
        const float* g = filters + (k * d.C + c) * 9;
        for (int r = 0; r < 3; r++)
            for (int s = 0; s < 3; s++) {
                int h = row + r - 1, w = col + s - 1;
                if (h >= 0 && h < d.H && w >= 0 && w < d.W)
                    sum += in[h * d.W + w] * g[3 * r + s];
            }
    }
    int plane = n * d.K + first + k;
    y[size_t(plane) * d.H * d.W + i] = sum;
}
// ANCHOR_END: constant

// ANCHOR: tiled
constexpr int WIDE = 32, HIGH = 8;  // of a block's outputs
constexpr int PLANES = 8;  // channels between two barriers

__global__ void tiled_kernel(const float* __restrict__ x,
                             const float* __restrict__ f,
                             float* y, Conv d) {
    __shared__ float tile[PLANES][HIGH + 2][WIDE + 2];
    int across = ceil_div(d.W, WIDE);
    int top = blockIdx.x / across * HIGH;
    int left = blockIdx.x % across * WIDE;
    int k = blockIdx.y, n = blockIdx.z;
    int tx = threadIdx.x, ty = threadIdx.y;
    float sum = 0;
    for (int c0 = 0; c0 < d.C; c0 += PLANES) {
        int count = min(PLANES, d.C - c0);
        const float* in = x + size_t(n * d.C + c0) * d.H * d.W;
        for (int i = ty * WIDE + tx;
             i < (HIGH + 2) * (WIDE + 2); i += WIDE * HIGH) {
            int r = i / (WIDE + 2), s = i % (WIDE + 2);
            int h = top + r - 1, w = left + s - 1;
            bool inside = h >= 0 && h < d.H &&
                          w >= 0 && w < d.W;
            const float* p = in + h * d.W + w;
            for (int c = 0; c < count; c++, p += d.H * d.W)
                tile[c][r][s] = inside ? *p : 0;
        }
        __syncthreads();
        const float* g = f + (k * d.C + c0) * 9;
        for (int c = 0; c < count; c++, g += 9)
            for (int r = 0; r < 3; r++)
                for (int s = 0; s < 3; s++)
                    sum += tile[c][ty + r][tx + s] *
                           g[3 * r + s];
        __syncthreads();
    }
    int row = top + ty, col = left + tx;
    float* out = y + size_t(n * d.K + k) * d.H * d.W;
    if (row < d.H && col < d.W) out[row * d.W + col] = sum;
}
// ANCHOR_END: tiled

constexpr int FILTERS = 64;  // of a block, from here on

// t[9 c + 3 r + s][k] = f[k][c][r][s], padded with 0 in both directions: a tap's weights for
// neighbouring filters lie side by side, and whole tiles can be loaded without a check.
__global__ void reorder_kernel(const float* f, float* t, int taps, int K, int padded) {
    int k = blockIdx.x * blockDim.x + threadIdx.x, tap = blockIdx.y;
    t[tap * padded + k] = k < K && tap < taps ? f[k * taps + tap] : 0;
}

// ANCHOR: register
constexpr int ROWS = 16, COLS = 8;  // of a block
constexpr int CHANNELS = 8;         // of a step

// ANCHOR: outer
// The core of all that follows: 16 floats loaded, 64 FMAs.
// A thread's 8 are two groups of 4, `half` vectors apart:
// 8 lanes side by side then read 128 bytes in a row.
__device__ void load8(float* to, const float4* row, int i,
                      int half) {
    *(float4*)to = row[i];
    *(float4*)(to + 4) = row[half + i];
}

__device__ void add_outer(float (&sum)[8][8], const float* a,
                          const float* b) {
#pragma unroll
    for (int i = 0; i < 8; i++)
#pragma unroll
        for (int j = 0; j < 8; j++) sum[i][j] += a[i] * b[j];
}
// ANCHOR_END: outer

// As many of 4 neighbours as there are.
__device__ void store4(float* to, const float* v, int count) {
    if (count >= 4 && size_t(to) % 16 == 0) {
        *(float4*)to = *(const float4*)v;
    } else {
#pragma unroll
        for (int j = 0; j < 4; j++)
            if (j < count) to[j] = v[j];
    }
}

// 128 threads, each 8 filters × a row of 8 pixels.
__global__ void __launch_bounds__(8 * ROWS)
register_kernel(const float* __restrict__ x,
                const float* __restrict__ t, float* y, Conv d) {
    __shared__ float4 f[CHANNELS * 9][FILTERS / 4];
    __shared__ float4 tile[CHANNELS * (ROWS + 2)][3];
    int groups = ceil_div(d.K, FILTERS);
    int across = ceil_div(d.W, COLS);
    int down = ceil_div(d.H, ROWS);
    int first = blockIdx.x % groups * FILTERS;
    int b = blockIdx.x / groups;
    int left = b % across * COLS;
    int top = b / across % down * ROWS;
    int n = b / across / down;
    int tid = threadIdx.x, tk = tid % 8, ty = tid / 8;
    float sum[8][8] = {};
    for (int c0 = 0; c0 < d.C; c0 += CHANNELS) {
        // ANCHOR: register-load
        int pixels = CHANNELS * (ROWS + 2) * (COLS + 2);
        for (int i = tid; i < pixels; i += blockDim.x) {
            int row = i / (COLS + 2), col = i % (COLS + 2);
            int c = c0 + row / (ROWS + 2);
            int h = top + row % (ROWS + 2) - 1;
            int w = left + col - 1;
            bool inside = c < d.C && h >= 0 && h < d.H &&
                          w >= 0 && w < d.W;
            size_t plane = size_t(n * d.C + c) * d.H * d.W;
            ((float*)tile[row])[col] =
                inside ? x[plane + h * d.W + w] : 0;
        }
        int weights = CHANNELS * 9 * FILTERS / 4;
        for (int i = tid; i < weights; i += blockDim.x) {
            int tap = i / (FILTERS / 4), q = i % (FILTERS / 4);
            int row = (9 * c0 + tap) * groups * FILTERS + first;
            f[tap][q] = *(const float4*)(t + row + 4 * q);
        }
        __syncthreads();  // the tile is complete
        // ANCHOR_END: register-load
        // ANCHOR: register-core
#pragma unroll 1
        for (int c = 0; c < CHANNELS; c++)
#pragma unroll
            for (int r = 0; r < 3; r++) {
                float in[12], w[8];  // 10 pixels for 8 outputs
                int row = c * (ROWS + 2) + ty + r;
#pragma unroll
                for (int q = 0; q < 3; q++)
                    *(float4*)(in + 4 * q) = tile[row][q];
#pragma unroll
                for (int s = 0; s < 3; s++) {
                    load8(w, f[9 * c + 3 * r + s], tk, 8);
                    add_outer(sum, w, in + s);
                }
            }
        __syncthreads();
        // ANCHOR_END: register-core
    }
    if (top + ty >= d.H) return;
#pragma unroll
    for (int i = 0; i < 8; i++) {
        int k = first + i / 4 * 32 + 4 * tk + i % 4;
        if (k >= d.K) continue;
        float* out = y + size_t(n * d.K + k) * d.H * d.W +
                     (top + ty) * d.W + left;
        store4(out, sum[i], d.W - left);
        store4(out + 4, sum[i] + 4, d.W - left - 4);
    }
}
// ANCHOR_END: register

// ANCHOR: im2col
// ANCHOR: im2col-matrix
// m[9 c + 3 r + s][pixel] is what tap (r, s) of channel c sees.
// `area`: H·W rounded up to 4, so that 4 neighbouring pixels
// never belong to two images.
__global__ void im2col_kernel(const float* x, float* m, Conv d,
                              int area) {
    int p = blockIdx.x * blockDim.x + threadIdx.x;
    int n = p / area, row = p % area / d.W;
    int col = p % area % d.W, c = blockIdx.y;
    if (n >= d.N) return;
    const float* in = x + size_t(n * d.C + c) * d.H * d.W;
    for (int r = 0; r < 3; r++)
        for (int s = 0; s < 3; s++) {
            int h = row + r - 1, w = col + s - 1;
            bool inside = h >= 0 && h < d.H &&
                          w >= 0 && w < d.W;
            m[size_t(9 * c + 3 * r + s) * d.N * area + p] =
                inside ? in[h * d.W + w] : 0;
        }
}
// ANCHOR_END: im2col-matrix

// ANCHOR: gemm
constexpr int PIXELS = 128;  // of a block of 128 threads
constexpr int DEPTH = 16;    // of a step

// y = filters × columns: 64 × 128 a block, 8 × 8 a thread.
// column[i] is element i of the column of this thread's pixel.
template <class Column>
__device__ void gemm(const float* __restrict__ t,
                     const Column& column, float* y, Conv d,
                     int area) {
    __shared__ float4 a[2][DEPTH][FILTERS / 4];
    __shared__ float4 b[2][DEPTH][PIXELS / 4];
    int groups = ceil_div(d.K, FILTERS);
    int first = blockIdx.x % groups * FILTERS;
    int tid = threadIdx.x, z = tid / 16, q = tid % 16;
    // ANCHOR: gemm-loop
    float4 weights[DEPTH / 8];
    float in[DEPTH];
    auto fetch = [&](int i) {  // into registers
#pragma unroll
        for (int j = 0; j < DEPTH; j += 8) {
            int row = (i + j + z) * groups * FILTERS + first;
            weights[j / 8] = *(const float4*)(t + row + 4 * q);
        }
#pragma unroll
        for (int j = 0; j < DEPTH; j++) in[j] = column[i + j];
    };
    auto put = [&](int stage) {  // and on into shared memory
#pragma unroll
        for (int j = 0; j < DEPTH; j += 8)
            a[stage][j + z][q] = weights[j / 8];
#pragma unroll
        for (int j = 0; j < DEPTH; j++)
            ((float*)b[stage][j])[tid] = in[j];
    };
    int tk = tid / 16, tp = tid % 16;
    float sum[8][8] = {};
    fetch(0);
    put(0);
    __syncthreads();
    for (int i = 0, stage = 0; i < 9 * d.C; i += DEPTH) {
        bool more = i + DEPTH < 9 * d.C;
        if (more) fetch(i + DEPTH);  // lands during the FMAs
#pragma unroll
        for (int j = 0; j < DEPTH; j++) {
            float u[8], v[8];
            load8(u, a[stage][j], tk, 8);
            load8(v, b[stage][j], tp, 16);
            add_outer(sum, u, v);
        }
        stage ^= 1;  // nobody reads that one any more
        if (more) put(stage);
        __syncthreads();
    }
    // ANCHOR_END: gemm-loop
#pragma unroll
    for (int i = 0; i < 8; i++) {
        int k = first + i / 4 * 32 + 4 * tk + i % 4;
#pragma unroll
        for (int h = 0; h < 2; h++) {
            int p = blockIdx.x / groups * PIXELS + 64 * h +
                    4 * tp;
            int n = p / area, pixel = p % area;
            float* out = y + size_t(n * d.K + k) * d.H * d.W;
            if (k < d.K && n < d.N)
                store4(out + pixel, sum[i] + 4 * h,
                       d.H * d.W - pixel);
        }
    }
}
// ANCHOR_END: gemm

// Element i of a pixel's column, stored.
struct StoredColumn {
    const float* top;
    size_t row;  // from one element to the next
    int count;
    __device__ float operator[](int i) const {
        return i < count ? top[i * row] : 0;
    }
};

__global__ void __launch_bounds__(PIXELS)
gemm_kernel(const float* __restrict__ t,
            const float* __restrict__ m, float* y, Conv d,
            int area) {
    int block = blockIdx.x / ceil_div(d.K, FILTERS);
    int p = block * PIXELS + threadIdx.x;
    int count = p < d.N * area ? 9 * d.C : 0;
    StoredColumn column = {m + p, size_t(d.N) * area, count};
    gemm(t, column, y, d, area);
}
// ANCHOR_END: im2col

// ANCHOR: implicit-gemm
// A column of the same matrix, gathered from the image.
struct GatheredColumn {
    const float* corner;  // of the window
    unsigned inside;      // one bit a tap
    Conv d;
    __device__ float operator[](int i) const {
        int c = i / 9, tap = i % 9;
        if (c >= d.C || !(inside >> tap & 1)) return 0;
        const float* in = corner + size_t(c) * d.H * d.W;
        return in[tap / 3 * d.W + tap % 3];
    }
};

__global__ void __launch_bounds__(PIXELS)
implicit_kernel(const float* __restrict__ t,
                const float* __restrict__ x, float* y, Conv d,
                int area) {
    int block = blockIdx.x / ceil_div(d.K, FILTERS);
    int p = block * PIXELS + threadIdx.x;
    int n = p / area, row = p % area / d.W;
    int col = p % area % d.W;
    unsigned inside = 0;
    for (int tap = 0; tap < 9; tap++) {
        int h = row + tap / 3 - 1, w = col + tap % 3 - 1;
        bool in = n < d.N && h >= 0 && h < d.H &&
                  w >= 0 && w < d.W;
        inside |= unsigned(in) << tap;
    }
    const float* image = x + size_t(n * d.C) * d.H * d.W;
    const float* corner = image + (row - 1) * d.W + col - 1;
    gemm(t, GatheredColumn{corner, inside, d}, y, d, area);
}
// ANCHOR_END: implicit-gemm

// ANCHOR: winograd
// ANCHOR: winograd-filter
// G g, for a column or row of a filter
__device__ void filter_transform(const float* g, int from,
                                 float* u, int to) {
    float g0 = g[0], g1 = g[from], g2 = g[2 * from];
    u[0] = g0;
    u[to] = (g0 + g1 + g2) / 2;
    u[2 * to] = (g0 - g1 + g2) / 2;
    u[3 * to] = g2;
}

constexpr int TILES = 32, STEP = 8;  // of a block; channels

// U = G g Gᵀ, 4×4, as [C / 8][K / 64][16][8][64]: what a
// block needs at a time is 32 KB in a row. Padded with 0.
__global__ void winograd_filter_kernel(const float* f, float* U,
                                       Conv d) {
    int k = blockIdx.x * FILTERS + threadIdx.x, c = blockIdx.y;
    float g[9] = {}, half[12], u[16];
    if (k < d.K && c < d.C)
        for (int i = 0; i < 9; i++)
            g[i] = f[(k * d.C + c) * 9 + i];
    for (int s = 0; s < 3; s++)
        filter_transform(g + s, 3, half + s, 3);
    for (int r = 0; r < 4; r++)
        filter_transform(half + 3 * r, 1, u + 4 * r, 1);
    int part = c / STEP * gridDim.x + blockIdx.x;
    float* to = U + (part * 16 * STEP + c % STEP) * FILTERS;
    for (int e = 0; e < 16; e++)
        to[e * STEP * FILTERS + threadIdx.x] = u[e];
}
// ANCHOR_END: winograd-filter

// ANCHOR: winograd-input
// Bᵀ d, for a column or row of an input tile, in place
__device__ void input_transform(float* d, int step) {
    float d1 = d[step], d2 = d[2 * step];
    d[0] -= d2;
    d[step] = d1 + d2;
    d[2 * step] = d2 - d1;
    d[3 * step] = d1 - d[3 * step];
}
// ANCHOR_END: winograd-input

struct Stage {
    float4 u[16][STEP][FILTERS / 4];
    float4 v[16][STEP][TILES / 4];
};

// ANCHOR: winograd-output
// The 16 points of a tile meet in shared memory: Aᵀ M A.
// XOR: lanes of equal tt are 4 rows apart, in the same banks.
__device__ void winograd_output(const float (&sum)[2][8][8],
                                float4* m, float* y, Conv d,
                                int first, int n, int row,
                                int col) {
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int tk = lane % 8, tt = lane / 8;
#pragma unroll
    for (int e = 0; e < 2; e++)
#pragma unroll
        for (int i = 0; i < 8; i++) {
            int k = i / 4 * 32 + 4 * tk + i % 4;
            float4* to = m + ((2 * warp + e) * FILTERS + k) * 8;
            to[tt ^ tk] = *(const float4*)sum[e][i];
            to[(tt + 4) ^ tk] = *(const float4*)(sum[e][i] + 4);
        }
    __syncthreads();
    if (n >= d.N) return;
#pragma unroll 2
    for (int k = warp; k < FILTERS && first + k < d.K; k += 8) {
        int q = lane / 4 ^ k / 4 % 8;
        const float* from = (float*)(m + k * 8 + q) + lane % 4;
        float half[2][4];
#pragma unroll
        for (int j = 0; j < 4; j++) {
            float p[4];
#pragma unroll
            for (int i = 0; i < 4; i++)
                p[i] = from[(4 * i + j) * FILTERS * TILES];
            half[0][j] = p[0] + p[1] + p[2];
            half[1][j] = p[1] - p[2] - p[3];
        }
        float* out = y +
                     size_t(n * d.K + first + k) * d.H * d.W +
                     row * d.W + col;
#pragma unroll
        for (int i = 0; i < 2; i++, out += d.W) {
            float* h = half[i];
            float2 pair = {h[0] + h[1] + h[2],
                           h[1] - h[2] - h[3]};
            if (row + i >= d.H) break;
            if (col + 1 < d.W && size_t(out) % 8 == 0) {
                *(float2*)out = pair;
            } else {
                out[0] = pair.x;
                if (col + 1 < d.W) out[1] = pair.y;
            }
        }
    }
}
// ANCHOR_END: winograd-output

// 64 filters × 32 tiles a block; of the 16 products at the
// points of a tile, each of the 8 warps computes two.
__global__ void __launch_bounds__(256, 1)
winograd_kernel(const float* __restrict__ x,
                const float* __restrict__ U, float* y, Conv d) {
    extern __shared__ float4 shared[];
    Stage* stages = (Stage*)shared;
    int tid = threadIdx.x, warp = tid / 32, lane = tid % 32;
    int groups = ceil_div(d.K, FILTERS);
    int group = blockIdx.x % groups;
    // A tile of 2×2 outputs a lane, and its 4×4 inputs
    int tile = blockIdx.x / groups * TILES + lane;
    int across = ceil_div(d.W, 2), down = ceil_div(d.H, 2);
    int col = tile % across * 2, row = tile / across % down * 2;
    int n = tile / across / down;
    unsigned inside = 0;
    for (int i = 0; i < 16; i++) {
        int h = row + i / 4 - 1, w = col + i % 4 - 1;
        bool in = n < d.N && h >= 0 && h < d.H &&
                  w >= 0 && w < d.W;
        inside |= unsigned(in) << i;
    }
    const float* corner = x + size_t(n * d.C) * d.H * d.W +
                          (row - 1) * d.W + col - 1;
    // ANCHOR: winograd-load
    float in[16];
    auto fetch = [&](int step, Stage& s) {
        constexpr int LENGTH = 16 * STEP * FILTERS / 4;
        float4* to = &s.u[0][0][0] + tid;
        const float4* from = (const float4*)U + tid +
                             (step * groups + group) * LENGTH;
#pragma unroll
        for (int i = 0; i < LENGTH; i += 256)
            __pipeline_memcpy_async(to + i, from + i, 16);
        __pipeline_commit();
        int c = step * STEP + warp;
        unsigned mask = c < d.C ? inside : 0;
        const float* p = corner + size_t(c) * d.H * d.W;
#pragma unroll
        for (int i = 0; i < 16; i++)
            in[i] = mask >> i & 1 ? p[i / 4 * d.W + i % 4] : 0;
    };
    auto transform = [&](Stage& s) {  // V = Bᵀ d B
#pragma unroll
        for (int i = 0; i < 4; i++) input_transform(in + i, 4);
#pragma unroll
        for (int i = 0; i < 16; i += 4)
            input_transform(in + i, 1);
#pragma unroll
        for (int e = 0; e < 16; e++)
            ((float*)s.v[e][warp])[lane] = in[e];
    };
    // ANCHOR_END: winograd-load
    // ANCHOR: winograd-core
    // Sixteen GEMMs side by side, two of them in each warp
    int tk = lane % 8, tt = lane / 8;
    float sum[2][8][8] = {};
    fetch(0, stages[0]);
    transform(stages[0]);
    __pipeline_wait_prior(0);
    __syncthreads();
    int steps = ceil_div(d.C, STEP);
#pragma unroll 1
    for (int step = 0; step < steps; step++) {
        const Stage& now = stages[step % 2];
        Stage& next = stages[(step + 1) % 2];
        bool more = step + 1 < steps;
        if (more) fetch(step + 1, next);  // during the FMAs
#pragma unroll
        for (int c = 0; c < STEP; c++)
#pragma unroll
            for (int e = 0; e < 2; e++) {
                float u[8], v[8];
                load8(u, now.u[2 * warp + e][c], tk, 8);
                load8(v, now.v[2 * warp + e][c], tt, 4);
                add_outer(sum[e], u, v);
            }
        if (more) transform(next);
        __pipeline_wait_prior(0);
        __syncthreads();
    }
    // ANCHOR_END: winograd-core
    winograd_output(sum, shared, y, d, group * FILTERS, n, row,
                    col);
}
// ANCHOR_END: winograd

// ----------------------------------------------------------------------------
// Launchers

// Scratch memory, kept for the next call; filled with NaN before each in `main`.
struct Workspace {
    float* memory = nullptr;
    size_t size = 0;
    float* get(size_t n) {
        if (n > size) {
            CUDA_CHECK(cudaFree(memory));
            CUDA_CHECK(cudaMalloc(&memory, n * sizeof(float)));
            size = n;
        }
        return memory;
    }
    // One of more bytes than `most` would leave too little for what comes next.
    void release(size_t most) {
        if (size * sizeof(float) <= most) return;
        CUDA_CHECK(cudaFree(memory));
        *this = Workspace();
    }
} workspace;

// ANCHOR: naive-launch
void naive(const float* x, const float* f, float* y, Conv d) {
    dim3 grid(ceil_div(d.H * d.W, 256), d.K, d.N);
    naive_kernel<<<grid, 256>>>(x, f, y, d);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: naive-launch

// ANCHOR: constant-launch
// As many filters at a time as fit.
void constant(const float* x, const float* f, float* y,
              Conv d) {
    int taps = 9 * d.C, slice = CONSTANT / taps;
    if (slice == 0) return naive(x, f, y, d);
    for (int k = 0; k < d.K; k += slice) {
        int count = std::min(slice, d.K - k);
        CUDA_CHECK(cudaMemcpyToSymbolAsync(
            filters, f + k * taps,
            count * taps * sizeof(float), 0,
            cudaMemcpyDeviceToDevice));
        dim3 grid(ceil_div(d.H * d.W, 256), count, d.N);
        constant_kernel<<<grid, 256>>>(x, y, d, k);
        CUDA_CHECK(cudaGetLastError());
    }
}
// ANCHOR_END: constant-launch

// ANCHOR: tiled-launch
void tiled(const float* x, const float* f, float* y, Conv d) {
    int tiles = ceil_div(d.H, HIGH) * ceil_div(d.W, WIDE);
    dim3 grid(tiles, d.K, d.N), block(WIDE, HIGH);
    tiled_kernel<<<grid, block>>>(x, f, y, d);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: tiled-launch

// `rows`: taps, rounded up to whole steps.
void reorder(const float* f, float* t, Conv d, int rows) {
    int groups = ceil_div(d.K, FILTERS);
    reorder_kernel<<<dim3(groups, rows), FILTERS>>>(f, t, 9 * d.C, d.K, groups * FILTERS);
    CUDA_CHECK(cudaGetLastError());
}

// ANCHOR: register-launch
void registers(const float* x, const float* f, float* y,
               Conv d) {
    int groups = ceil_div(d.K, FILTERS);
    int rows = 9 * round_up(d.C, CHANNELS);
    float* t = workspace.get(rows * groups * FILTERS);
    reorder(f, t, d, rows);
    int tiles = ceil_div(d.H, ROWS) * ceil_div(d.W, COLS);
    int grid = groups * tiles * d.N;
    register_kernel<<<grid, 8 * ROWS>>>(x, t, y, d);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: register-launch

// ANCHOR: im2col-launch
void im2col(const float* x, const float* f, float* y, Conv d) {
    int groups = ceil_div(d.K, FILTERS);
    int rows = round_up(9 * d.C, DEPTH);
    int area = round_up(d.H * d.W, 4), pixels = d.N * area;
    int weights = rows * groups * FILTERS;
    size_t matrix = size_t(9 * d.C) * pixels;
    float* t = workspace.get(weights + matrix);
    float* m = t + weights;
    reorder(f, t, d, rows);
    dim3 im2col_grid(ceil_div(pixels, 256), d.C);
    im2col_kernel<<<im2col_grid, 256>>>(x, m, d, area);
    CUDA_CHECK(cudaGetLastError());
    int grid = groups * ceil_div(pixels, PIXELS);
    gemm_kernel<<<grid, PIXELS>>>(t, m, y, d, area);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: im2col-launch

// ANCHOR: implicit-gemm-launch
void implicit_gemm(const float* x, const float* f, float* y,
                   Conv d) {
    int groups = ceil_div(d.K, FILTERS);
    int rows = round_up(9 * d.C, DEPTH);
    float* t = workspace.get(rows * groups * FILTERS);
    reorder(f, t, d, rows);
    int area = round_up(d.H * d.W, 4);
    int grid = groups * ceil_div(d.N * area, PIXELS);
    implicit_kernel<<<grid, PIXELS>>>(t, x, y, d, area);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: implicit-gemm-launch

// ANCHOR: winograd-launch
void winograd(const float* x, const float* f, float* y,
              Conv d) {
    int groups = ceil_div(d.K, FILTERS);
    int channels = round_up(d.C, STEP);
    float* U = workspace.get(16 * channels * groups * FILTERS);
    dim3 filter_grid(groups, channels);
    winograd_filter_kernel<<<filter_grid, FILTERS>>>(f, U, d);
    CUDA_CHECK(cudaGetLastError());
    int tiles = d.N * ceil_div(d.H, 2) * ceil_div(d.W, 2);
    int grid = groups * ceil_div(tiles, TILES);
    // The products, in place of two stages, which are smaller
    int bytes = 16 * FILTERS * TILES * sizeof(float);
    CUDA_CHECK(cudaFuncSetAttribute(
        winograd_kernel,
        cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
    winograd_kernel<<<grid, 256, bytes>>>(x, U, y, d);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: winograd-launch

// ----------------------------------------------------------------------------
// References, from the definition

using Case = harness::Case<float>;
using Run = harness::Run<float>;
using Shape = harness::Shape;

Conv sizes(const Shape& s) { return {s[0], s[1], s[2], s[3], s[4]}; }

std::vector<double> reference(const Case& c) {
    Conv d = sizes(c.shape);
    std::vector<double> y(size_t(d.N) * d.K * d.H * d.W);
    double* out = y.data();
    for (int n = 0; n < d.N; n++)
        for (int k = 0; k < d.K; k++)
            for (int row = 0; row < d.H; row++)
                for (int col = 0; col < d.W; col++, out++)
                    for (int c_ = 0; c_ < d.C; c_++)
                        for (int r = 0; r < 3; r++)
                            for (int s = 0; s < 3; s++) {
                                int h = row + r - 1, w = col + s - 1;
                                if (h < 0 || h >= d.H || w < 0 || w >= d.W) continue;
                                *out += double(c.in[0][((size_t(n) * d.C + c_) * d.H + h) * d.W + w]) *
                                        c.in[1][((size_t(k) * d.C + c_) * 3 + r) * 3 + s];
                            }
    return y;
}

__global__ void reference_kernel(const float* x, const float* f, double* y, Conv d) {
    size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x;
    if (i >= size_t(d.N) * d.K * d.H * d.W) return;
    int col = i % d.W, row = i / d.W % d.H, k = i / d.W / d.H % d.K, n = i / d.W / d.H / d.K;
    double sum = 0;
    for (int c = 0; c < d.C; c++)
        for (int r = 0; r < 3; r++)
            for (int s = 0; s < 3; s++) {
                int h = row + r - 1, w = col + s - 1;
                if (h < 0 || h >= d.H || w < 0 || w >= d.W) continue;
                sum += double(x[((size_t(n) * d.C + c) * d.H + h) * d.W + w]) *
                       f[((size_t(k) * d.C + c) * 3 + r) * 3 + s];
            }
    y[i] = sum;
}

template <void (*launch)(const float*, const float*, float*, Conv)>
void call(const Run& r) {
    launch(r.in[0], r.in[1], r.out, sizes(r.shape));
}

int main(int argc, char** argv) {
    harness::Operation<float> op;
    op.name = "conv";
    auto x = [](const Shape& s) { return size_t(s[0]) * s[1] * s[3] * s[4]; };
    auto f = [](const Shape& s) { return size_t(s[2]) * s[1] * 9; };
    auto y = [](const Shape& s) { return size_t(s[0]) * s[2] * s[3] * s[4]; };
    op.inputs = {x, f};
    op.output = y;
    op.bytes = [=](const Shape& s) { return 4.0 * (x(s) + f(s) + y(s)); };
    op.flops = [=](const Shape& s) { return 18.0 * s[1] * y(s); };
    // With inputs rounded to TF32's ten bits the error has a standard deviation of 9e-5 · √(9·C).
    // A third of that is allowed, several times what FP32 needs.
    op.tolerance = [](const Shape& s) { return std::ldexp(std::sqrt(9.0 * s[1]), -15); };
    op.reference = reference;
    op.gpu_reference = [=](const harness::Run<float, double>& r) {
        size_t n = y(r.shape);
        reference_kernel<<<(n + 255) / 256, 256>>>(r.in[0], r.in[1], r.out, sizes(r.shape));
        CUDA_CHECK(cudaGetLastError());
    };
    op.baselines = harness::cudnn_conv3x3();
    op.versions = {{"naive", call<naive>},       {"constant", call<constant>},
                   {"tiled", call<tiled>},       {"register", call<registers>},
                   {"im2col", call<im2col>},     {"implicit-gemm", call<implicit_gemm>},
                   {"winograd", call<winograd>}};
    for (auto& version : op.versions) {
        version.before = [](const Run&) {
            if (workspace.size)
                CUDA_CHECK(cudaMemset(workspace.memory, 0xFF, workspace.size * sizeof(float)));
        };
        version.after = [](const Run&) { workspace.release(size_t(1) << 30); };
    }
    auto& fast = op.versions.back();
    fast.propagates = false;  // ∞ - ∞ in the transforms: a NaN where the definition has ∞
    fast.arithmetic = 1 / 2.25;
    op.checked = {{1, 1, 7, 1, 1},    {1, 16, 130, 1, 1},  {1, 3, 2, 5, 7},
                  {1, 9, 2, 8, 32},   {1, 2, 3, 34, 35},   {2, 17, 9, 13, 11},
                  {1, 40, 65, 5, 19}, {1, 1, 2, 4, 257},   {3, 5, 67, 17, 16},
                  {2, 8, 64, 16, 16}, {1, 1830, 2, 2, 3}};
    op.timed = {{32, 64, 64, 56, 56}};
    return harness::main(op, argc, argv);
}
