/*
GEMM: C = A·B. A is (M, K), B is (K, N), C is (M, N), float, row-major, any sizes; no TF32.

nvcc -O3 -std=c++17 -lineinfo -arch=native gemm.cu -o gemm && ./gemm

2·M·N·K operations on 4·(M·K + K·N + M·N) bytes: large products are bound by the FP32 units.
Each version removes one cost:

uncoalesced  threadIdx.x runs down a column of C: a warp's 32 loads of A go to 32 rows
naive        threadIdx.x runs along a row: B and C are coalesced, A is a broadcast; but each
             FMA waits for two loads from global memory or L1
tile         32×32 tiles of A and B in shared memory: 32 times fewer loads from global memory,
             still two loads from shared memory an FMA
column       8 elements of a column a thread: an element of B, once read, serves 8 FMAs
registers    8×8 elements a thread in a 128×128 tile: 16 values read serve 64 FMAs
vectors      float4 from global memory: a quarter of the load instructions, addresses and
             checks; A is stored transposed, so that 4 rows are 4 neighbours
banks        a thread's 8 columns are two groups of 4, and A's tile is padded: no conflicts
buffers      the next tile travels to registers while this one is multiplied, and into a
             second buffer: global latency is hidden, one barrier a tile is enough
async        cp.async copies past the registers, two tiles ahead; the registers that this
             frees hold the operands of the next step: shared memory's latency is hidden
warps        16×8 elements a thread, 64×64 a warp, 256×128 a block: 128 FMAs for 6 loads from
             shared memory, a barrier every 4096; and blocks walk in groups that share L2

vectors to async want K and N divisible by 4 and bases on 16 bytes, and else leave it to
registers. naive to async put tile rows into gridDim.y: M ≤ 65535 tiles.
*/
#include <cuda_pipeline_primitives.h>

#include "../harness/harness.h"
#include "../harness/libraries/cublas.h"

using harness::Shape;

// ----------------------------------------------------------------------------
// References, from the definition: C[i][j] = Σ A[i][k]·B[k][j], in double

std::vector<double> gemm_reference(const harness::Case<float>& c) {
    size_t M = c.shape[0], N = c.shape[1], K = c.shape[2];
    std::vector<double> C(M * N);
    for (size_t i = 0; i < M; i++)
        for (size_t k = 0; k < K; k++)
            for (size_t j = 0; j < N; j++)
                C[i * N + j] += double(c.in[0][i * K + k]) * c.in[1][k * N + j];
    return C;
}

__global__ void gemm_fp64_kernel(const float* A, const float* B, double* C, int M, int N, int K) {
    int i = blockIdx.y * blockDim.y + threadIdx.y, j = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= M || j >= N) return;
    double sum = 0;
    for (int k = 0; k < K; k++) sum += double(A[size_t(i) * K + k]) * B[size_t(k) * N + j];
    C[size_t(i) * N + j] = sum;
}

// ----------------------------------------------------------------------------
// GPU kernels

constexpr int TILE = 32;

// ANCHOR: uncoalesced
__global__ void uncoalesced_kernel(const float* A,
                                   const float* B, float* C,
                                   int M, int N, int K) {
    int row = blockIdx.x * TILE + threadIdx.x;
    int col = blockIdx.y * TILE + threadIdx.y;
    if (row >= M || col >= N) return;
    float sum = 0;
    for (int k = 0; k < K; k++)
        sum += A[size_t(row) * K + k] * B[size_t(k) * N + col];
    C[size_t(row) * N + col] = sum;
}
// ANCHOR_END: uncoalesced

// ANCHOR: naive
// A is (M, K), B is (K, N). One thread an element of C.
__global__ void naive_kernel(const float* A, const float* B,
                             float* C, int M, int N, int K) {
    int row = blockIdx.y * TILE + threadIdx.y;
    int col = blockIdx.x * TILE + threadIdx.x;
    if (row >= M || col >= N) return;
    float sum = 0;
    for (int k = 0; k < K; k++)
        sum += A[size_t(row) * K + k] * B[size_t(k) * N + col];
    C[size_t(row) * N + col] = sum;
}
// ANCHOR_END: naive

// ANCHOR: tile
__global__ void tile_kernel(const float* A, const float* B,
                            float* C, int M, int N, int K) {
    __shared__ float As[TILE][TILE], Bs[TILE][TILE];
    int tx = threadIdx.x, ty = threadIdx.y;
    int row = blockIdx.y * TILE + ty;
    int col = blockIdx.x * TILE + tx;
    float sum = 0;
    for (int k0 = 0; k0 < K; k0 += TILE) {
        bool a_in = row < M && k0 + tx < K;
        bool b_in = k0 + ty < K && col < N;
        As[ty][tx] = a_in ? A[size_t(row) * K + k0 + tx] : 0;
        Bs[ty][tx] = b_in ? B[size_t(k0 + ty) * N + col] : 0;
        __syncthreads();  // the tile is complete
        for (int k = 0; k < TILE; k++)
            sum += As[ty][k] * Bs[k][tx];
        __syncthreads();  // everybody has read it
    }
    if (row < M && col < N) C[size_t(row) * N + col] = sum;
}
// ANCHOR_END: tile

// ANCHOR: column
constexpr int SIDE = 64, DEPTH = 8;  // tile of a block
constexpr int EACH = 8;  // elements of a column a thread

// A block is SIDE × SIDE / EACH threads.
__global__ void column_kernel(const float* A, const float* B,
                              float* C, int M, int N, int K) {
    __shared__ float As[SIDE][DEPTH], Bs[DEPTH][SIDE];
    int tx = threadIdx.x % SIDE, ty = threadIdx.x / SIDE;
    int m = threadIdx.x / DEPTH, n = tx;  // what I load
    int ak = threadIdx.x % DEPTH, bk = ty;
    int row = blockIdx.y * SIDE, col = blockIdx.x * SIDE;
    float sum[EACH] = {};
    for (int k0 = 0; k0 < K; k0 += DEPTH) {
        bool a_in = row + m < M && k0 + ak < K;
        bool b_in = k0 + bk < K && col + n < N;
        As[m][ak] = a_in ? A[size_t(row + m) * K + k0 + ak] : 0;
        Bs[bk][n] = b_in ? B[size_t(k0 + bk) * N + col + n] : 0;
        __syncthreads();
        for (int k = 0; k < DEPTH; k++) {
            float b = Bs[k][tx];
            for (int i = 0; i < EACH; i++)
                sum[i] += As[EACH * ty + i][k] * b;
        }
        __syncthreads();
    }
    for (int i = 0; i < EACH; i++) {
        int r = row + EACH * ty + i, c = col + tx;
        if (r < M && c < N) C[size_t(r) * N + c] = sum[i];
    }
}
// ANCHOR_END: column

constexpr int BM = 128, BN = 128, BK = 8;  // tile of a block
constexpr int THREADS = 256;               // 16 × 16, each 8×8 elements

// ANCHOR: outer
// The micro-tile: M + N values read serve M·N FMAs. There and
// back, so that an operand stays the same at each turn.
template <int M, int N>
__device__ void outer(float (&sum)[M][N], const float (&a)[M],
                      const float (&b)[N]) {
#pragma unroll
    for (int i = 0; i < M; i++)
#pragma unroll
        for (int j = 0; j < N; j++) {
            int n = i % 2 ? N - 1 - j : j;
            sum[i][n] += a[i] * b[n];
        }
}
// ANCHOR_END: outer

// ANCHOR: registers
__global__ __launch_bounds__(THREADS, 2) void
registers_kernel(const float* A, const float* B, float* C,
                 int M, int N, int K) {
    __shared__ float As[BM][BK], Bs[BK][BN];
    int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
    int bm = threadIdx.x / BK, ak = threadIdx.x % BK;
    int bk = threadIdx.x / BN, n = threadIdx.x % BN;
    int row = blockIdx.y * BM, col = blockIdx.x * BN;
    float sum[8][8] = {};
    for (int k0 = 0; k0 < K; k0 += BK) {
        for (int m = bm; m < BM; m += THREADS / BK) {
            const float* a = A + size_t(row + m) * K + k0 + ak;
            As[m][ak] = row + m < M && k0 + ak < K ? *a : 0;
        }
        for (int k = bk; k < BK; k += THREADS / BN) {
            const float* b = B + size_t(k0 + k) * N + col + n;
            Bs[k][n] = k0 + k < K && col + n < N ? *b : 0;
        }
        __syncthreads();
#pragma unroll
        for (int k = 0; k < BK; k++) {
            float a[8], b[8];
            for (int i = 0; i < 8; i++) {
                a[i] = As[8 * ty + i][k];
                b[i] = Bs[k][8 * tx + i];
            }
            outer(sum, a, b);
        }
        __syncthreads();
    }
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++) {
            int r = row + 8 * ty + i, c = col + 8 * tx + j;
            if (r < M && c < N)
                C[size_t(r) * N + c] = sum[i][j];
        }
}
// ANCHOR_END: registers

// ANCHOR: float4
__device__ float4 load4(const float* p) {
    return *(const float4*)p;
}

__device__ void store4(float* p, float4 v) { *(float4*)p = v; }
// ANCHOR_END: float4

// ANCHOR: vectors
// K and N multiples of 4, A, B and C on 16 bytes.
__global__ __launch_bounds__(THREADS, 2) void
vectors_kernel(const float* A, const float* B, float* C,
               int M, int N, int K) {
    __shared__ alignas(16) float As[BK][BM], Bs[BK][BN];
    int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
    int m = threadIdx.x / 2, ak = threadIdx.x % 2 * 4;
    int bk = threadIdx.x / 32, n = threadIdx.x % 32 * 4;
    int row = blockIdx.y * BM, col = blockIdx.x * BN;
    alignas(16) float sum[8][8] = {};
    for (int k0 = 0; k0 < K; k0 += BK) {
        float4 v = {}, w = {};
        if (row + m < M && k0 + ak < K)
            v = load4(A + size_t(row + m) * K + k0 + ak);
        if (k0 + bk < K && col + n < N)
            w = load4(B + size_t(k0 + bk) * N + col + n);
        As[ak][m] = v.x;  // transposed
        As[ak + 1][m] = v.y;
        As[ak + 2][m] = v.z;
        As[ak + 3][m] = v.w;
        store4(&Bs[bk][n], w);
        __syncthreads();
#pragma unroll
        for (int k = 0; k < BK; k++) {
            alignas(16) float a[8], b[8];
            for (int i = 0; i < 8; i += 4) {
                store4(a + i, load4(&As[k][8 * ty + i]));
                store4(b + i, load4(&Bs[k][8 * tx + i]));
            }
            outer(sum, a, b);
        }
        __syncthreads();
    }
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j += 4) {
            int r = row + 8 * ty + i, c = col + 8 * tx + j;
            float* to = C + size_t(r) * N + c;
            if (r < M && c < N) store4(to, load4(sum[i] + j));
        }
}
// ANCHOR_END: vectors

// ANCHOR: banks
// As vectors, but no 8 lanes of a phase share a bank.
__global__ __launch_bounds__(THREADS, 2) void
banks_kernel(const float* A, const float* B, float* C,
             int M, int N, int K) {
    __shared__ alignas(16) float As[BK][BM + 4], Bs[BK][BN];
    int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
    int m = threadIdx.x / 2, ak = threadIdx.x % 2 * 4;
    int bk = threadIdx.x / 32, n = threadIdx.x % 32 * 4;
    int row = blockIdx.y * BM, col = blockIdx.x * BN;
    alignas(16) float sum[8][8] = {};
    for (int k0 = 0; k0 < K; k0 += BK) {
        float4 v = {}, w = {};
        if (row + m < M && k0 + ak < K)
            v = load4(A + size_t(row + m) * K + k0 + ak);
        if (k0 + bk < K && col + n < N)
            w = load4(B + size_t(k0 + bk) * N + col + n);
        As[ak][m] = v.x;
        As[ak + 1][m] = v.y;
        As[ak + 2][m] = v.z;
        As[ak + 3][m] = v.w;
        store4(&Bs[bk][n], w);
        __syncthreads();
#pragma unroll
        for (int k = 0; k < BK; k++) {
            alignas(16) float a[8], b[8];
            for (int i = 0; i < 8; i += 4) {
                store4(a + i, load4(&As[k][4 * ty + 16 * i]));
                store4(b + i, load4(&Bs[k][4 * tx + 16 * i]));
            }
            outer(sum, a, b);
        }
        __syncthreads();
    }
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j += 4) {
            int r = row + 4 * ty + i / 4 * 64 + i % 4;
            int c = col + 4 * tx + 16 * j;
            float* to = C + size_t(r) * N + c;
            if (r < M && c < N) store4(to, load4(sum[i] + j));
        }
}
// ANCHOR_END: banks

// ANCHOR: buffers
__global__ __launch_bounds__(THREADS, 2) void
buffers_kernel(const float* A, const float* B, float* C,
               int M, int N, int K) {
    __shared__ alignas(16) float As[2][BK][BM + 4];
    __shared__ alignas(16) float Bs[2][BK][BN];
    int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
    int m = threadIdx.x / 2, ak = threadIdx.x % 2 * 4;
    int bk = threadIdx.x / 32, n = threadIdx.x % 32 * 4;
    int row = blockIdx.y * BM, col = blockIdx.x * BN;
    float4 v, w;  // what I carry from global to shared
    auto fetch = [&](int k0) {
        bool a_in = row + m < M && k0 + ak < K;
        bool b_in = k0 + bk < K && col + n < N;
        const float* a = A + size_t(row + m) * K + k0 + ak;
        const float* b = B + size_t(k0 + bk) * N + col + n;
        v = a_in ? load4(a) : float4{};
        w = b_in ? load4(b) : float4{};
    };
    auto put = [&](int s) {
        As[s][ak][m] = v.x;
        As[s][ak + 1][m] = v.y;
        As[s][ak + 2][m] = v.z;
        As[s][ak + 3][m] = v.w;
        store4(&Bs[s][bk][n], w);
    };
    fetch(0);
    put(0);
    __syncthreads();
    int s = 0;
    alignas(16) float sum[8][8] = {};
    for (int k0 = 0; k0 < K; k0 += BK) {
        fetch(k0 + BK);  // on its way during the 512 FMAs
#pragma unroll
        for (int k = 0; k < BK; k++) {
            alignas(16) float a[8], b[8];
            for (int i = 0; i < 8; i += 4) {
                store4(a + i,
                       load4(&As[s][k][4 * ty + 16 * i]));
                store4(b + i,
                       load4(&Bs[s][k][4 * tx + 16 * i]));
            }
            outer(sum, a, b);
        }
        s ^= 1;
        put(s);  // nobody reads this one any more
        __syncthreads();
    }
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j += 4) {
            int r = row + 4 * ty + i / 4 * 64 + i % 4;
            int c = col + 4 * tx + 16 * j;
            float* to = C + size_t(r) * N + c;
            if (r < M && c < N) store4(to, load4(sum[i] + j));
        }
}
// ANCHOR_END: buffers

// ANCHOR: copy-async
// Starts a copy of W floats from global to shared memory. If
// not `in`, as many zeros are written and nothing is read.
template <int W>
__device__ void copy_async(float* to, const float* from,
                           bool in) {
    unsigned shared = __cvta_generic_to_shared(to);
    int bytes = in ? 4 * W : 0;
    if (W == 4)  // past L1
        asm volatile(
            "cp.async.cg.shared.global [%0], [%1], 16, %2;"
            ::"r"(shared), "l"(from), "r"(bytes) : "memory");
    else
        asm volatile(
            "cp.async.ca.shared.global [%0], [%1], 4, %2;"
            ::"r"(shared), "l"(from), "r"(bytes) : "memory");
}
// ANCHOR_END: copy-async

// ANCHOR: copy-share
template <int H, int W, int D>
struct Tiles {
    static constexpr int HIGH = H, WIDE = W, DEEP = D;
    alignas(16) float A[D][H + 4];  // transposed
    alignas(16) float B[D][W];
};

// Starts one of DEEP shares of a tile of A and one of B, W
// floats of B at once. Beyond the last row or column that one
// is read again, for sums nobody stores; beyond the `left`
// steps along K there are zeros.
template <int W, class T>
__device__ void copy_share(T& to, int share, const float* A,
                           const float* B, int rows, int cols,
                           int left, int N, int K) {
    static_assert(T::HIGH == 8 * T::DEEP && THREADS == 256);
    if (share % 4 == 0) {  // 32 rows of A
        int k = threadIdx.x % 8;
        int m = threadIdx.x / 8 + 8 * share;
#pragma unroll
        for (int j = 0; j < T::DEEP; j += 8)
            copy_async<1>(&to.A[k + j][m],
                          A + min(m, rows - 1) * K + k + j,
                          k + j < left);
    }
    constexpr int ROW = T::WIDE / W;  // threads of a row of B
    if (share % (THREADS / ROW) == 0) {
        int k = threadIdx.x / ROW + share;
        int n = threadIdx.x % ROW * W;
        copy_async<W>(&to.B[k][n],
                      B + k * N + min(n, cols - W), k < left);
    }
}
// ANCHOR_END: copy-share

// ANCHOR: async
constexpr int STAGES = 3;  // tiles of each in shared memory
constexpr int STEPS = 16;  // of a tile along K

__global__ __launch_bounds__(THREADS, 2) void
async_kernel(const float* A, const float* B, float* C,
             int M, int N, int K) {
    extern __shared__ Tiles<BM, BN, STEPS> tiles[];
    int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
    int row = blockIdx.y * BM, col = blockIdx.x * BN;
    auto copy = [&](int t, int share) {
        int k = t * STEPS;
        copy_share<4>(tiles[t % STAGES], share,
                      A + size_t(row) * K + k,
                      B + size_t(k) * N + col,
                      M - row, N - col, K - k, N, K);
    };
    for (int t = 0; t < STAGES - 1; t++) {
#pragma unroll
        for (int k = 0; k < STEPS; k++) copy(t, k);
        __pipeline_commit();  // tile t is on its way
    }
    alignas(16) float sum[8][8] = {}, a[2][8], b[2][8];
    auto load = [&](int t, int k) {  // into the free half
        const auto& from = tiles[t % STAGES];
        for (int i = 0; i < 8; i += 4) {
            store4(&a[k % 2][i],
                   load4(&from.A[k][4 * ty + 16 * i]));
            store4(&b[k % 2][i],
                   load4(&from.B[k][4 * tx + 16 * i]));
        }
    };
    for (int t = 0; t * STEPS < K; t++) {
        __pipeline_wait_prior(STAGES - 2);  // my part of t
        __syncthreads();  // all of t; t - 1 has been read
        load(t, 0);
#pragma unroll
        for (int k = 0; k < STEPS; k++) {
            copy(t + STAGES - 1, k);  // in the place of t - 1
            if (k + 1 < STEPS) load(t, k + 1);  // a step ahead
            outer(sum, a[k % 2], b[k % 2]);
        }
        __pipeline_commit();
    }
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j += 4) {
            int r = row + 4 * ty + i / 4 * 64 + i % 4;
            int c = col + 4 * tx + 16 * j;
            float* to = C + size_t(r) * N + c;
            if (r < M && c < N) store4(to, load4(sum[i] + j));
        }
}
// ANCHOR_END: async

// ANCHOR: grouped-tile
constexpr int HIGH = 256, WIDE = 128;  // tile of C a block
constexpr int GROUP = 8;               // that walk together

struct Corner {
    int row, col;
};

// Blocks go down GROUP tiles, then one to the right: those that
// run at the same time share rows of A and columns of B in L2.
__device__ Corner grouped_tile(int M, int N) {
    int down = (M + HIGH - 1) / HIGH;
    int right = (N + WIDE - 1) / WIDE;
    int first = blockIdx.x / (GROUP * right) * GROUP;
    int rest = blockIdx.x % (GROUP * right);
    int height = min(down - first, GROUP);
    return {(first + rest % height) * HIGH,
            rest / height * WIDE};
}
// ANCHOR_END: grouped-tile

template <int W>  // up to 4 floats of a row, `left` of them inside
__device__ void store(float* to, const float* sum, int left) {
    if (W == 4 && left > 0) store4(to, load4(sum));
    if (W == 1)
#pragma unroll
        for (int i = 0; i < 4; i++)
            if (i < left) to[i] = sum[i];
}

// ANCHOR: warps
constexpr int DEEP = 32;  // steps of a tile along K

// 8 warps of 64×64, 4×8 lanes of 16×8 elements: quads of rows
// and of columns. Lanes are numbered so that 8 in a row, whose
// loads go together, ask for 2 quads of A and 4 of B.
template <int W>
__global__ __launch_bounds__(THREADS) void
warps_kernel(const float* A, const float* B, float* C,
             int M, int N, int K) {
    extern __shared__ Tiles<HIGH, WIDE, DEEP> large[];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int y = lane / 16 * 2 + lane % 2, x = lane / 2 % 8;
    int m = warp / 2 * 64 + 4 * y;  // and 16, 32, 48 further
    int n = warp % 2 * 64 + 4 * x;  // and 32 further
    auto [row, col] = grouped_tile(M, N);
    int rows = M - row, cols = N - col;
    A += size_t(row) * K;
    B += col;
    C += size_t(row) * N + col;
    int copied = 0;
    auto copy = [&](int share) {
        copy_share<W>(large[copied % STAGES], share, A, B, rows,
                      cols, K - copied * DEEP, N, K);
    };
    auto commit = [&] {  // a tile is on its way
        __pipeline_commit();
        copied++;
        A += DEEP;
        B += size_t(DEEP) * N;
    };
    for (int t = 0; t < STAGES - 1; t++) {
#pragma unroll
        for (int k = 0; k < DEEP; k++) copy(k);
        commit();
    }
    const auto* from = large;
    alignas(16) float sum[16][8] = {}, a[2][16], b[2][8];
    auto load = [&](int k) {  // into the free half
        for (int i = 0; i < 16; i += 4)
            store4(&a[k % 2][i], load4(&from->A[k][m + 4 * i]));
        for (int j = 0; j < 8; j += 4)
            store4(&b[k % 2][j], load4(&from->B[k][n + 8 * j]));
    };
    __pipeline_wait_prior(STAGES - 2);
    __syncthreads();
    load(0);
    for (int t = 0; t * DEEP < K; t++)
#pragma unroll
        for (int k = 0; k < DEEP; k++) {
            copy(k);
            if (k == DEEP - 1) {  // on to the next tile
                commit();
                __pipeline_wait_prior(STAGES - 2);
                __syncthreads();
                from = &large[(t + 1) % STAGES];
            }
            load((k + 1) % DEEP);  // a step ahead
            outer(sum, a[k % 2], b[k % 2]);
        }
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 8; j += 4) {
            int r = m + i / 4 * 16 + i % 4, c = n + 8 * j;
            if (r < rows)
                store<W>(C + size_t(r) * N + c, &sum[i][j],
                         cols - c);
        }
}
// ANCHOR_END: warps

// ----------------------------------------------------------------------------
// Launchers

constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

// ANCHOR: uncoalesced-launch
void uncoalesced(const float* A, const float* B, float* C,
                 int M, int N, int K) {
    dim3 block(TILE, TILE);
    dim3 grid(ceil_div(M, TILE), ceil_div(N, TILE));
    uncoalesced_kernel<<<grid, block>>>(A, B, C, M, N, K);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: uncoalesced-launch

// ANCHOR: naive-launch
void naive(const float* A, const float* B, float* C,
           int M, int N, int K) {
    dim3 block(TILE, TILE);
    dim3 grid(ceil_div(N, TILE), ceil_div(M, TILE));
    naive_kernel<<<grid, block>>>(A, B, C, M, N, K);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: naive-launch

// ANCHOR: tile-launch
void tile(const float* A, const float* B, float* C,
          int M, int N, int K) {
    dim3 block(TILE, TILE);
    dim3 grid(ceil_div(N, TILE), ceil_div(M, TILE));
    tile_kernel<<<grid, block>>>(A, B, C, M, N, K);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: tile-launch

// ANCHOR: column-launch
void column(const float* A, const float* B, float* C,
            int M, int N, int K) {
    dim3 grid(ceil_div(N, SIDE), ceil_div(M, SIDE));
    int threads = SIDE * SIDE / EACH;
    column_kernel<<<grid, threads>>>(A, B, C, M, N, K);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: column-launch

// ANCHOR: registers-launch
void registers(const float* A, const float* B, float* C,
               int M, int N, int K) {
    dim3 grid(ceil_div(N, BN), ceil_div(M, BM));
    registers_kernel<<<grid, THREADS>>>(A, B, C, M, N, K);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: registers-launch

bool on_16_bytes(const void* p) { return size_t(p) % 16 == 0; }

// Do all rows begin on 16 bytes?
bool vectors_fit(const float* A, const float* B, const float* C, int N, int K) {
    return N % 4 == 0 && K % 4 == 0 && on_16_bytes(A) && on_16_bytes(B) && on_16_bytes(C);
}

// ANCHOR: vectors-launch
void vectors(const float* A, const float* B, float* C,
             int M, int N, int K) {
    if (!vectors_fit(A, B, C, N, K))
        return registers(A, B, C, M, N, K);
    dim3 grid(ceil_div(N, BN), ceil_div(M, BM));
    vectors_kernel<<<grid, THREADS>>>(A, B, C, M, N, K);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: vectors-launch

// ANCHOR: banks-launch
void banks(const float* A, const float* B, float* C,
           int M, int N, int K) {
    if (!vectors_fit(A, B, C, N, K))
        return registers(A, B, C, M, N, K);
    dim3 grid(ceil_div(N, BN), ceil_div(M, BM));
    banks_kernel<<<grid, THREADS>>>(A, B, C, M, N, K);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: banks-launch

// ANCHOR: buffers-launch
void buffers(const float* A, const float* B, float* C,
             int M, int N, int K) {
    if (!vectors_fit(A, B, C, N, K))
        return registers(A, B, C, M, N, K);
    dim3 grid(ceil_div(N, BN), ceil_div(M, BM));
    buffers_kernel<<<grid, THREADS>>>(A, B, C, M, N, K);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: buffers-launch

// ANCHOR: async-launch
void async(const float* A, const float* B, float* C,
           int M, int N, int K) {
    if (!vectors_fit(A, B, C, N, K))
        return registers(A, B, C, M, N, K);
    int bytes = STAGES * sizeof(Tiles<BM, BN, STEPS>);
    CUDA_CHECK(cudaFuncSetAttribute(  // beyond 48 KiB
        async_kernel,
        cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
    dim3 grid(ceil_div(N, BN), ceil_div(M, BM));
    async_kernel<<<grid, THREADS, bytes>>>(A, B, C, M, N, K);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: async-launch

// ANCHOR: warps-launch
void warps(const float* A, const float* B, float* C,
           int M, int N, int K) {
    auto kernel = vectors_fit(A, B, C, N, K) ? warps_kernel<4>
                                             : warps_kernel<1>;
    int bytes = STAGES * sizeof(Tiles<HIGH, WIDE, DEEP>);
    CUDA_CHECK(cudaFuncSetAttribute(  // beyond 48 KiB
        kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
        bytes));
    int grid = ceil_div(M, HIGH) * ceil_div(N, WIDE);
    kernel<<<grid, THREADS, bytes>>>(A, B, C, M, N, K);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: warps-launch

// ----------------------------------------------------------------------------
// What to check, against what, at which sizes

using Run = harness::Run<float>;

template <void (*launch)(const float*, const float*, float*, int, int, int)>
void call(const Run& r) {
    launch(r.in[0], r.in[1], r.out, r.shape[0], r.shape[1], r.shape[2]);
}

void gemm_fp64(const harness::Run<float, double>& r) {
    int M = r.shape[0], N = r.shape[1], K = r.shape[2];
    dim3 block(32, 8), grid(ceil_div(N, 32), ceil_div(M, 8));
    gemm_fp64_kernel<<<grid, block>>>(r.in[0], r.in[1], r.out, M, N, K);
}

// A product of two numbers from [-1, 1) is 1/3 large (root of its mean square), a sum of k of
// them √k/3. Each FMA rounds the sum so far, by 0.4·2⁻²⁴ of it (again the root of the mean
// square); K such errors add up to r = 2⁻²⁴·K/10. That is over all sums. One that strays far
// from 0 is rounded coarsely all along, so the tail is no Gaussian's: of e^(1.1·x) elements
// about one is off by more than x·r. The largest of 2²⁶ is off by some 17·r, of 2³¹ by 20·r, and
// now and then by more. 40·r, which is 2⁻²²·K, is allowed: no sound product in 10⁸ reaches it.
// Inputs rounded to TF32's 10 bits are off by 10⁻⁴, their product by 9·10⁻⁵, a sum by 9·10⁻⁵·√K:
// at K = 1031, the largest that is checked, 11 times what is allowed, and at 8192 still 4 times.
double tolerance(const Shape& s) { return s[2] / double(1 << 22); }

size_t size_of_A(const Shape& s) { return size_t(s[0]) * s[2]; }
size_t size_of_B(const Shape& s) { return size_t(s[2]) * s[1]; }
size_t size_of_C(const Shape& s) { return size_t(s[0]) * s[1]; }

int main(int argc, char** argv) {
    harness::Operation<float> op;
    op.name = "gemm";
    op.inputs = {size_of_A, size_of_B};
    op.output = size_of_C;
    op.bytes = [](const Shape& s) { return 4.0 * (size_of_A(s) + size_of_B(s) + size_of_C(s)); };
    op.flops = [](const Shape& s) { return 2.0 * s[0] * s[1] * s[2]; };
    op.tolerance = tolerance;
    op.reference = gemm_reference;
    op.gpu_reference = gemm_fp64;
    op.special = {0, 1};
    op.baselines = harness::cublas_sgemm();
    op.versions = {{"uncoalesced", call<uncoalesced>},
                   {"naive", call<naive>},
                   {"tile", call<tile>},
                   {"column", call<column>},
                   {"registers", call<registers>},
                   {"vectors", call<vectors>},
                   {"banks", call<banks>},
                   {"buffers", call<buffers>},
                   {"async", call<async>},
                   {"warps", call<warps>}};
    // The first two take a second at 8192.
    for (int slow : {0, 1}) op.versions[slow].timed = {{4096, 4096, 4096}};
    // {M, N, K}: one; primes; around each tile and each depth; an odd number of tiles along K;
    // multiples of 4 that are none of the tile; more tiles down than a group
    // of warps, which are 256 high.
    op.checked = {{1, 1, 1},       {5, 7, 1031},    {33, 31, 65},    {32, 64, 96},
                  {101, 103, 107}, {127, 129, 17},  {129, 127, 15},  {128, 128, 8},
                  {128, 256, 40},  {130, 132, 36},  {257, 260, 100}, {300, 4, 20},
                  {3, 516, 4},     {1157, 132, 12}, {1157, 259, 9},
                  {3844, 132, 4}};
    op.timed = {{4096, 4096, 4096}, {8192, 8192, 8192}, {4095, 4097, 4093}};
    return harness::main(op, argc, argv);
}
