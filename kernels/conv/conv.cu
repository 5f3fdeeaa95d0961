/*
Convolution: y[n][k][h][w] = Σ x[n][c][h + r - 1][w + s - 1] · f[k][c][r][s] over c, r, s.
3×3, stride 1, one pixel of zero padding, NCHW, float. Shape: N, C, K, H, W, any sizes.

nvcc -O3 -std=c++17 -lineinfo -arch=native conv.cu -o conv && ./conv

TODO
*/
#ifndef TUNE
#include "../harness/harness.h"
#else
#include "../harness/cuda_check.h"
#include <algorithm>
#include <vector>
#include <cstdint>
#endif
#include <cuda_pipeline.h>

struct Conv { int N, C, K, H, W; };

__host__ __device__ constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

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
    for (int c = 0; c < d.C; c++)
        for (int r = 0; r < 3; r++)
            for (int s = 0; s < 3; s++) {
                int h = row + r - 1, w = col + s - 1;
                size_t plane = size_t(n) * d.C + c;
                size_t tap = (size_t(k) * d.C + c) * 9;
                if (h >= 0 && h < d.H && w >= 0 && w < d.W)
                    sum += x[(plane * d.H + h) * d.W + w] *
                           f[tap + 3 * r + s];
            }
    y[(size_t(n) * d.K + k) * d.H * d.W + i] = sum;
}
// ANCHOR_END: naive

#ifdef HARNESS_NO_BASELINES
constexpr int CONSTANT = 1024;
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
    for (int c = 0; c < d.C; c++)
        for (int r = 0; r < 3; r++)
            for (int s = 0; s < 3; s++) {
                int h = row + r - 1, w = col + s - 1;
                size_t plane = size_t(n) * d.C + c;
                int tap = (k * d.C + c) * 9;
                if (h >= 0 && h < d.H && w >= 0 && w < d.W)
                    sum += x[(plane * d.H + h) * d.W + w] *
                           filters[tap + 3 * r + s];
            }
    k += first;
    y[(size_t(n) * d.K + k) * d.H * d.W + i] = sum;
}
// ANCHOR_END: constant

// ANCHOR: tiled
constexpr int TILE = 16, HALO = TILE + 2;

__global__ void tiled_kernel(const float* __restrict__ x,
                             const float* __restrict__ f,
                             float* y, Conv d) {
    __shared__ float tile[HALO][HALO];
    int across = (d.W + TILE - 1) / TILE;
    int top = blockIdx.x / across * TILE;
    int left = blockIdx.x % across * TILE;
    int k = blockIdx.y, n = blockIdx.z;
    int tx = threadIdx.x, ty = threadIdx.y;
    float sum = 0;
    for (int c = 0; c < d.C; c++) {
        size_t plane = size_t(n) * d.C + c;
        for (int i = ty * TILE + tx; i < HALO * HALO;
             i += TILE * TILE) {
            int h = top + i / HALO - 1, w = left + i % HALO - 1;
            bool inside = h >= 0 && h < d.H && w >= 0 && w < d.W;
            tile[i / HALO][i % HALO] =
                inside ? x[(plane * d.H + h) * d.W + w] : 0;
        }
        __syncthreads();
        const float* g = f + (size_t(k) * d.C + c) * 9;
        for (int r = 0; r < 3; r++)
            for (int s = 0; s < 3; s++)
                sum += tile[ty + r][tx + s] * g[3 * r + s];
        __syncthreads();
    }
    int row = top + ty, col = left + tx;
    if (row < d.H && col < d.W)
        y[((size_t(n) * d.K + k) * d.H + row) * d.W + col] = sum;
}
// ANCHOR_END: tiled

// The filters as the rows of a matrix: t[9 c + 3 r + s][k], padded with 0
// to whole tiles, so that a row's neighbours are different filters.
__global__ void reorder_kernel(const float* f, float* t, int taps, int K, int padded) {
    int k = blockIdx.x * blockDim.x + threadIdx.x, tap = blockIdx.y;
    if (k < padded)
        t[size_t(tap) * padded + k] = k < K && tap < taps ? f[size_t(k) * taps + tap] : 0;
}

// ANCHOR: register
#ifndef RPX
#define RPX 8
#endif
#ifndef RROWS
#define RROWS 16
#endif
#ifndef RCOLS
#define RCOLS 8
#endif
#ifndef RCH
#define RCH 4
#endif
#ifndef RWARPS
#define RWARPS 16
#endif
constexpr int FILTERS = 64;                // of a block
constexpr int ROWS = RROWS, COLS = RCOLS;         // of a block
constexpr int ALONG = RPX;                 // pixels of a thread
constexpr int CHANNELS = RCH;                // of a step
constexpr int STRIDE = (COLS + 2 + 3) / 4 * 4;
constexpr int REGTHREADS = FILTERS / 8 * ROWS * COLS / ALONG;

__global__ void __launch_bounds__(REGTHREADS, RWARPS * 32 / REGTHREADS) register_kernel(const float* __restrict__ x,
                                const float* __restrict__ t,
                                float* y, Conv d, int padded) {
    __shared__ float4 tile4[CHANNELS][ROWS + 2][STRIDE / 4];
    __shared__ float4 f[CHANNELS][9][FILTERS / 4];
    int across = ceil_div(d.W, COLS), down = ceil_div(d.H, ROWS);
    int kb = padded / FILTERS;
    int k0 = blockIdx.x % kb * FILTERS;
    int b = blockIdx.x / kb;
    int left = b % across * COLS, top = b / across % down * ROWS;
    int n = b / across / down;
    int tid = threadIdx.x;
    int kg = tid % 8, px = tid / 8;
    int tx = px % (COLS / ALONG) * ALONG, ty = px / (COLS / ALONG);
    float sum[8][ALONG] = {};
    for (int c0 = 0; c0 < d.C; c0 += CHANNELS) {
        for (int i = tid; i < CHANNELS * (ROWS + 2) * (COLS + 2); i += REGTHREADS) {
            int w = i % (COLS + 2), h = i / (COLS + 2) % (ROWS + 2), c = i / (COLS + 2) / (ROWS + 2);
            int gh = top + h - 1, gw = left + w - 1;
            bool inside = gh >= 0 && gh < d.H && gw >= 0 && gw < d.W && c0 + c < d.C;
            ((float*)tile4[c][h])[w] = inside ? x[((size_t(n) * d.C + c0 + c) * d.H + gh) * d.W + gw] : 0;
        }
        for (int i = tid; i < CHANNELS * 9 * FILTERS / 4; i += REGTHREADS) {
            int q = i % (FILTERS / 4), tap = i / (FILTERS / 4);
            f[0][tap][q] = *(const float4*)(t + size_t(c0 * 9 + tap) * padded + k0 + 4 * q);
        }
        __syncthreads();
#pragma unroll 1
        for (int c = 0; c < CHANNELS; c++)
#pragma unroll
            for (int r = 0; r < 3; r++) {
                float v[ALONG + 4];
#pragma unroll
                for (int i = 0; i < ALONG + 4; i += 4)
                    *(float4*)(v + i) = tile4[c][ty + r][(tx + i) / 4];
#pragma unroll
                for (int s = 0; s < 3; s++) {
                    float g[8];
                    *(float4*)g = f[c][3 * r + s][kg];
                    *(float4*)(g + 4) = f[c][3 * r + s][8 + kg];
#pragma unroll
                    for (int i = 0; i < 8; i++)
#pragma unroll
                        for (int j = 0; j < ALONG; j++) sum[i][j] += g[i] * v[j + s];
                }
            }
        __syncthreads();
    }
    int row = top + ty;
#pragma unroll
    for (int i = 0; i < 8; i++) {
        int k = k0 + i / 4 * 32 + kg * 4 + i % 4;
#pragma unroll
        for (int j = 0; j < ALONG; j++)
            if (k < d.K && row < d.H && left + tx + j < d.W)
                y[((size_t(n) * d.K + k) * d.H + row) * d.W + left + tx + j] = sum[i][j];
    }
}
// ANCHOR_END: register

// ANCHOR: im2col
// m[9 c + 3 r + s][pixel]: what tap (r, s) of channel c sees.
__global__ void im2col_kernel(const float* x, float* m, Conv d) {
    int p = blockIdx.x * blockDim.x + threadIdx.x;
    int plane = d.H * d.W, pixels = d.N * plane;
    if (p >= pixels) return;
    int n = p / plane, row = p % plane / d.W, col = p % d.W;
    int c = blockIdx.y;
    const float* in = x + (size_t(n) * d.C + c) * plane;
    for (int r = 0; r < 3; r++)
        for (int s = 0; s < 3; s++) {
            int h = row + r - 1, w = col + s - 1;
            bool inside = h >= 0 && h < d.H && w >= 0 && w < d.W;
            m[size_t(9 * c + 3 * r + s) * pixels + p] =
                inside ? in[size_t(h) * d.W + w] : 0;
        }
}

// ANCHOR: gemm
#ifndef GDEPTH
#define GDEPTH 8
#endif
#ifndef GPX
#define GPX 128
#endif
#ifndef GMAP
#define GMAP 0
#endif
#ifndef GMIN
#define GMIN 4
#endif
constexpr int PIXELS = GPX, DEPTH = GDEPTH;

template <class Column>
__device__ void gemm(const float* __restrict__ t, const Column& column, float* y, Conv d,
                     int padded) {
    __shared__ float4 a[2][DEPTH][FILTERS / 4];
    __shared__ float4 b[2][DEPTH][PIXELS / 4];
    constexpr int AV = DEPTH * FILTERS / 4 / PIXELS;
    int tid = threadIdx.x;
    int kb = padded / FILTERS, k0 = blockIdx.x % kb * FILTERS, p0 = blockIdx.x / kb * PIXELS;
    int depth = ceil_div(9 * d.C, DEPTH) * DEPTH;
    int warp = tid / 32, lane = tid % 32;
#if GMAP == 0
    int kg = lane % 8, pg = lane / 8 + warp * 4;
#elif GMAP == 1
    int kg = lane / 4, pg = lane % 4 + warp * 4;
#else
    int kg = lane % 2 + lane / 16 * 2 + (warp % 2) * 4, pg = lane / 2 % 8 + warp / 2 * 8;
#endif
    float4 ra[AV];
    float rb[DEPTH];
    float sum[8][8] = {};
    auto fetch = [&](int z) {
#pragma unroll
        for (int i = 0; i < AV; i++) {
            int q = tid + i * PIXELS;
            ra[i] = *(const float4*)(t + size_t(z + q / (FILTERS / 4)) * padded + k0 + q % (FILTERS / 4) * 4);
        }
#pragma unroll
        for (int i = 0; i < DEPTH; i++) rb[i] = column[z + i];
    };
    auto put = [&](int s) {
#pragma unroll
        for (int i = 0; i < AV; i++) a[s][0][tid + i * PIXELS] = ra[i];
#pragma unroll
        for (int i = 0; i < DEPTH; i++) ((float*)b[s][i])[tid] = rb[i];
    };
    fetch(0);
    put(0);
    __syncthreads();
    int stage = 0;
    for (int z = 0; z < depth; z += DEPTH, stage ^= 1) {
        bool more = z + DEPTH < depth;
        if (more) fetch(z + DEPTH);
#pragma unroll
        for (int i = 0; i < DEPTH; i++) {
            float u[8], v[8];
            *(float4*)u = a[stage][i][kg];
            *(float4*)(u + 4) = a[stage][i][8 + kg];
            *(float4*)v = b[stage][i][pg];
            *(float4*)(v + 4) = b[stage][i][PIXELS / 8 + pg];
#pragma unroll
            for (int k = 0; k < 8; k++)
#pragma unroll
                for (int j = 0; j < 8; j++) sum[k][j] += u[k] * v[j];
        }
        if (more) put(stage ^ 1);
        __syncthreads();
    }
    int plane = d.H * d.W, pixels = d.N * plane;
    bool four = plane % 4 == 0 && size_t(y) % 16 == 0;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        int p = p0 + h * PIXELS / 2 + 4 * pg;
        if (four) {
            if (p < pixels) {
                int n = p / plane;
                float* out = y + size_t(n) * d.K * plane + (p - n * plane);
#pragma unroll
                for (int i = 0; i < 8; i++) {
                    int k = k0 + i / 4 * 32 + 4 * kg + i % 4;
                    if (k < d.K)
                        *(float4*)(out + size_t(k) * plane) = *(float4*)&sum[i][4 * h];
                }
            }
        } else {
#pragma unroll
            for (int j = 0; j < 4; j++) {
                if (p + j < pixels) {
                    int n = (p + j) / plane;
                    float* out = y + size_t(n) * d.K * plane + (p + j - n * plane);
#pragma unroll
                    for (int i = 0; i < 8; i++) {
                        int k = k0 + i / 4 * 32 + 4 * kg + i % 4;
                        if (k < d.K) out[size_t(k) * plane] = sum[i][4 * h + j];
                    }
                }
            }
        }
    }
}
// ANCHOR_END: gemm

struct Matrix {
    const float* column;  // of the thread's pixel
    int pixels, taps;
    bool inside;
    __device__ float operator[](int tap) const {
        return inside && tap < taps ? column[size_t(tap) * pixels] : 0;
    }
};

__global__ void __launch_bounds__(PIXELS, GMIN)
gemm_kernel(const float* __restrict__ t, const float* __restrict__ m, float* y,
                            Conv d, int padded) {
    int p = blockIdx.x / (padded / FILTERS) * PIXELS + threadIdx.x;
    int pixels = d.N * d.H * d.W;
    gemm(t, Matrix{m + p, pixels, 9 * d.C, p < pixels}, y, d, padded);
}
// ANCHOR_END: im2col

// ANCHOR: implicit
// The same GEMM; its column is gathered from the image.
struct Window {
    const float* corner;
    unsigned inside;  // a bit a tap
    int H, W, C;
    __device__ float operator[](int tap) const {
        int c = tap / 9, r = tap % 9 / 3, s = tap % 3;
        return c < C && (inside >> tap % 9 & 1) ? corner[size_t(c) * H * W + r * W + s] : 0;
    }
};

__global__ void __launch_bounds__(PIXELS, GMIN)
implicit_kernel(const float* __restrict__ t, const float* __restrict__ x, float* y,
                                Conv d, int padded) {
    int p = blockIdx.x / (padded / FILTERS) * PIXELS + threadIdx.x;
    int plane = d.H * d.W;
    int n = p / plane, row = p % plane / d.W, col = p % d.W;
    unsigned inside = 0;
    if (n < d.N)
        for (int tap = 0; tap < 9; tap++) {
            int h = row + tap / 3 - 1, w = col + tap % 3 - 1;
            inside |= (h >= 0 && h < d.H && w >= 0 && w < d.W) << tap;
        }
    const float* corner = x + (size_t(n) * d.C * d.H + row - 1) * d.W + col - 1;
    gemm(t, Window{corner, inside, d.H, d.W, d.C}, y, d, padded);
}
// ANCHOR_END: implicit

// ANCHOR: winograd
#ifndef WSTAGES
#define WSTAGES 2
#endif
#ifndef WMAP
#define WMAP 0
#endif
#ifndef WUNROLL
#define WUNROLL 8
#endif
#ifndef WFRAG
#define WFRAG 0
#endif
constexpr int WUN = WUNROLL;
constexpr int TILES = 32, STEP = 8;   // tiles of a block, channels of a step

// Gᵀ
__device__ void filter_transform(float g0, float g1, float g2, float* u, int step) {
    u[0] = g0;
    u[step] = (g0 + g1 + g2) / 2;
    u[2 * step] = (g0 - g1 + g2) / 2;
    u[3 * step] = g2;
}

// U = G g Gᵀ as [C / 8][K / 64][16][8][64], padded with 0
__global__ void winograd_filter_kernel(const float* f, float* U, int C, int K) {
    int k = blockIdx.x * FILTERS + threadIdx.x, c = blockIdx.y;
    float g[9], t[12], u[16];
    for (int i = 0; i < 9; i++)
        g[i] = k < K && c < C ? f[(size_t(k) * C + c) * 9 + i] : 0;
    for (int j = 0; j < 3; j++) filter_transform(g[j], g[3 + j], g[6 + j], t + j, 3);
    for (int i = 0; i < 4; i++) filter_transform(t[3 * i], t[3 * i + 1], t[3 * i + 2], u + 4 * i, 1);
    size_t at = (size_t(c / STEP) * gridDim.x + blockIdx.x) * 16 * STEP;
    for (int e = 0; e < 16; e++) U[(at + e * STEP + c % STEP) * FILTERS + threadIdx.x] = u[e];
}

// Bᵀ d
__device__ void input_transform(float& d0, float& d1, float& d2, float& d3) {
    float sum = d1 + d2, difference = d2 - d1;
    d0 -= d2;
    d3 = d1 - d3;
    d1 = sum;
    d2 = difference;
}

struct Stage {
    float4 u[16][STEP][FILTERS / 4];
    float4 v[16][STEP][TILES / 4];
};

__global__ void __launch_bounds__(256, 1)
winograd_kernel(const float* __restrict__ x, const float* __restrict__ U, float* y, Conv d) {
    extern __shared__ float4 shared[];
    Stage* stage = (Stage*)shared;
    int tid = threadIdx.x, warp = tid / 32, lane = tid % 32;
    int kb = ceil_div(d.K, FILTERS), steps = ceil_div(d.C, STEP);
    int k0 = blockIdx.x % kb * FILTERS;
    int tile = blockIdx.x / kb * TILES + lane;
    int tw = ceil_div(d.W, 2), th = ceil_div(d.H, 2);
    int n = tile / (tw * th), row = tile / tw % th * 2, col = tile % tw * 2;
    unsigned inside = 0;
    if (n < d.N)
        for (int i = 0; i < 16; i++) {
            int h = row - 1 + i / 4, w = col - 1 + i % 4;
            inside |= (h >= 0 && h < d.H && w >= 0 && w < d.W) << i;
        }
    const float* corner = x + (size_t(n) * d.C * d.H + row - 1) * d.W + col - 1;

    float in[16];
    auto fetch = [&](int step, Stage& s) {
        const float* from = U + (size_t(step) * kb + blockIdx.x % kb) * (16 * STEP * FILTERS);
        float4* to = &s.u[0][0][0];
#pragma unroll
        for (int i = 0; i < 16 * STEP * FILTERS / 4 / 256; i++)
            __pipeline_memcpy_async(to + tid + 256 * i, from + 4 * (tid + 256 * i), 16);
        __pipeline_commit();
        int c = step * STEP + warp;
        unsigned mask = c < d.C ? inside : 0;
        const float* p = corner + size_t(c) * d.H * d.W;
#pragma unroll
        for (int i = 0; i < 16; i++)
            in[i] = mask >> i & 1 ? p[i / 4 * d.W + i % 4] : 0;
    };
    auto transform = [&](Stage& s) {
#pragma unroll
        for (int j = 0; j < 4; j++) input_transform(in[j], in[4 + j], in[8 + j], in[12 + j]);
#pragma unroll
        for (int i = 0; i < 16; i += 4) input_transform(in[i], in[i + 1], in[i + 2], in[i + 3]);
#pragma unroll
        for (int e = 0; e < 16; e++) ((float*)s.v[e][warp])[lane] = in[e];
    };
#if WMAP == 0
    int kg = lane % 8, tg = lane / 8;
#elif WMAP == 1
    int kg = lane / 4, tg = lane % 4;
#else
    int kg = lane % 2 + lane / 8 * 2, tg = lane / 2 % 4;
#endif
    float sum[2][8][8] = {};
    fetch(0, stage[0]);
    transform(stage[0]);
    __pipeline_wait_prior(0);
    __syncthreads();
#pragma unroll 1
    for (int step = 0; step < steps; step++) {
        bool more = step + 1 < steps;
        if (more) fetch(step + 1, stage[(step + 1) % 2]);
        const Stage& s = stage[step % 2];
#if WFRAG == 0
#pragma unroll WUN
        for (int c = 0; c < STEP; c++)
#pragma unroll
            for (int e = 0; e < 2; e++) {
                float a[8], b[8];
                *(float4*)a = s.u[2 * warp + e][c][kg];
                *(float4*)(a + 4) = s.u[2 * warp + e][c][8 + kg];
                *(float4*)b = s.v[2 * warp + e][c][tg];
                *(float4*)(b + 4) = s.v[2 * warp + e][c][4 + tg];
#pragma unroll
                for (int i = 0; i < 8; i++)
#pragma unroll
                    for (int j = 0; j < 8; j++) sum[e][i][j] += a[i] * b[j];
            }
#else
        float a[2][8], b[2][8];
        auto load = [&](int q) {
            int c = q / 2, e = q % 2;
            *(float4*)a[e] = s.u[2 * warp + e][c][kg];
            *(float4*)(a[e] + 4) = s.u[2 * warp + e][c][8 + kg];
            *(float4*)b[e] = s.v[2 * warp + e][c][tg];
            *(float4*)(b[e] + 4) = s.v[2 * warp + e][c][4 + tg];
        };
        load(0);
#pragma unroll
        for (int q = 0; q < 2 * STEP; q++) {
            if (q + 1 < 2 * STEP) load(q + 1);
#pragma unroll
            for (int i = 0; i < 8; i++)
#pragma unroll
                for (int j = 0; j < 8; j++) sum[q % 2][i][j] += a[q % 2][i] * b[q % 2][j];
        }
#endif
        if (more) transform(stage[(step + 1) % 2]);
        __pipeline_wait_prior(0);
        __syncthreads();
    }

    // output
    float4* m = shared;  // [16][64][8 quads of tiles]
#pragma unroll
    for (int e = 0; e < 2; e++)
#pragma unroll
        for (int i = 0; i < 8; i++) {
            int k = i / 4 * 32 + 4 * kg + i % 4;
#pragma unroll
            for (int j = 0; j < 2; j++)
                m[((2 * warp + e) * FILTERS + k) * 8 + ((4 * j + tg) ^ kg)] = *(float4*)&sum[e][i][4 * j];
        }
    __syncthreads();
    if (n >= d.N) return;
    bool pairs = d.W % 2 == 0 && size_t(y) % 8 == 0;
#pragma unroll 2
    for (int k = warp; k < FILTERS; k += 8) {
        if (k0 + k >= d.K) return;
        float t[2][4];
        const float* from = (const float*)(m + k * 8 + (lane / 4 ^ k / 4 % 8)) + lane % 4;
#pragma unroll
        for (int j = 0; j < 4; j++) {
            float m0 = from[(0 + j) * FILTERS * 32], m1 = from[(4 + j) * FILTERS * 32],
                  m2 = from[(8 + j) * FILTERS * 32], m3 = from[(12 + j) * FILTERS * 32];
            t[0][j] = m0 + m1 + m2;
            t[1][j] = m1 - m2 - m3;
        }
        float* out = y + ((size_t(n) * d.K + k0 + k) * d.H + row) * d.W + col;
#pragma unroll
        for (int i = 0; i < 2; i++) {
            float y0 = t[i][0] + t[i][1] + t[i][2], y1 = t[i][1] - t[i][2] - t[i][3];
            if (row + i >= d.H) break;
            if (pairs) {
                *(float2*)(out + size_t(i) * d.W) = {y0, y1};
            } else {
                out[size_t(i) * d.W] = y0;
                if (col + 1 < d.W) out[size_t(i) * d.W + 1] = y1;
            }
        }
    }
}
// ANCHOR_END: winograd

// ----------------------------------------------------------------------------
// Launchers

// Scratch memory that grows and stays.
float* workspace(size_t n) {
    static float* memory = nullptr;
    static size_t size = 0;
    if (n > size) {
        CUDA_CHECK(cudaFree(memory));
        CUDA_CHECK(cudaMalloc(&memory, n * sizeof(float)));
        size = n;
    }
    return memory;
}

void naive(const float* x, const float* f, float* y, Conv d) {
    dim3 grid(ceil_div(d.H * d.W, 256), d.K, d.N);
    naive_kernel<<<grid, 256>>>(x, f, y, d);
    CUDA_CHECK(cudaGetLastError());
}

void constant(const float* x, const float* f, float* y, Conv d) {
    int taps = 9 * d.C, slice = CONSTANT / taps;
    if (slice == 0) return naive(x, f, y, d);
    for (int k = 0; k < d.K; k += slice) {
        int filters_here = std::min(slice, d.K - k);
        CUDA_CHECK(cudaMemcpyToSymbolAsync(filters, f + size_t(k) * taps,
                                           filters_here * taps * sizeof(float), 0,
                                           cudaMemcpyDeviceToDevice));
        dim3 grid(ceil_div(d.H * d.W, 256), filters_here, d.N);
        constant_kernel<<<grid, 256>>>(x, y, d, k);
        CUDA_CHECK(cudaGetLastError());
    }
}

void tiled(const float* x, const float* f, float* y, Conv d) {
    dim3 grid(ceil_div(d.H, TILE) * ceil_div(d.W, TILE), d.K, d.N);
    tiled_kernel<<<grid, dim3(TILE, TILE)>>>(x, f, y, d);
    CUDA_CHECK(cudaGetLastError());
}

float* reorder(const float* f, Conv d, int rows, int padded, size_t more = 0) {
    float* t = workspace(size_t(rows) * padded + more);
    reorder_kernel<<<dim3(ceil_div(padded, 64), rows), 64>>>(f, t, 9 * d.C, d.K, padded);
    CUDA_CHECK(cudaGetLastError());
    return t;
}

void registers(const float* x, const float* f, float* y, Conv d) {
    int padded = ceil_div(d.K, FILTERS) * FILTERS;
    float* t = reorder(f, d, ceil_div(d.C, CHANNELS) * CHANNELS * 9, padded);
    int grid = padded / FILTERS * d.N * ceil_div(d.H, ROWS) * ceil_div(d.W, COLS);
    register_kernel<<<grid, REGTHREADS>>>(x, t, y, d, padded);
    CUDA_CHECK(cudaGetLastError());
}

void im2col(const float* x, const float* f, float* y, Conv d) {
    int padded = ceil_div(d.K, FILTERS) * FILTERS, rows = ceil_div(9 * d.C, DEPTH) * DEPTH;
    size_t pixels = size_t(d.N) * d.H * d.W;
    float* t = reorder(f, d, rows, padded, 9 * d.C * pixels);
    float* m = t + size_t(rows) * padded;
    im2col_kernel<<<dim3(ceil_div(pixels, 256), d.C), 256>>>(x, m, d);
    gemm_kernel<<<padded / FILTERS * ceil_div(pixels, PIXELS), PIXELS>>>(t, m, y, d, padded);
    CUDA_CHECK(cudaGetLastError());
}

void implicit_gemm(const float* x, const float* f, float* y, Conv d) {
    int padded = ceil_div(d.K, FILTERS) * FILTERS, rows = ceil_div(9 * d.C, DEPTH) * DEPTH;
    size_t pixels = size_t(d.N) * d.H * d.W;
    float* t = reorder(f, d, rows, padded);
    implicit_kernel<<<padded / FILTERS * ceil_div(pixels, PIXELS), PIXELS>>>(t, x, y, d, padded);
    CUDA_CHECK(cudaGetLastError());
}

void winograd(const float* x, const float* f, float* y, Conv d) {
    int kb = ceil_div(d.K, FILTERS), steps = ceil_div(d.C, STEP);
    float* U = workspace(size_t(steps) * kb * 16 * STEP * FILTERS);
    winograd_filter_kernel<<<dim3(kb, steps * STEP), FILTERS>>>(f, U, d.C, d.K);
    CUDA_CHECK(cudaGetLastError());
    int tiles = d.N * ceil_div(d.H, 2) * ceil_div(d.W, 2);
    int bytes = std::max(2 * sizeof(Stage), size_t(16 * FILTERS * TILES * 4));
    CUDA_CHECK(cudaFuncSetAttribute(winograd_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
    winograd_kernel<<<kb * ceil_div(tiles, TILES), 256, bytes>>>(x, U, y, d);
    CUDA_CHECK(cudaGetLastError());
}

#ifndef TUNE
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
    op.tolerance = [](const Shape& s) { return (9.0 * s[1] + 32) / (1 << 23); };
    op.reference = reference;
    op.gpu_reference = [=](const harness::Run<float, double>& r) {
        size_t n = y(r.shape);
        reference_kernel<<<(n + 255) / 256, 256>>>(r.in[0], r.in[1], r.out, sizes(r.shape));
        CUDA_CHECK(cudaGetLastError());
    };
    op.versions = {{"naive", call<naive>},       {"constant", call<constant>},
                   {"tiled", call<tiled>},       {"register", call<registers>},
                   {"im2col", call<im2col>},     {"implicit", call<implicit_gemm>},
                   {"winograd", call<winograd>}};
    auto& fast = op.versions.back();
    fast.propagates = false;
    fast.arithmetic = 1 / 2.25;
    op.checked = {{1, 1, 1, 1, 1},    {1, 3, 2, 5, 7},     {2, 17, 9, 13, 11}, {1, 64, 65, 9, 33},
                  {3, 5, 67, 17, 16}, {2, 8, 64, 16, 16},  {1, 1830, 2, 2, 3}};
    op.timed = {{32, 64, 64, 56, 56}, {32, 128, 128, 28, 28}};
    return harness::main(op, argc, argv);
}
#endif
