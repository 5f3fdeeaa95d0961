/*
Matrix product in bfloat16: C = A·Bᵀ. A is (M, K), B is (N, K), C is (M, N), all row-major.
That is a linear layer with its weight B: rows of both inputs run along K, which is what
ldmatrix, TMA and wgmma like best ("K-major"). bf16 in, sums in float, bf16 out.

nvcc -O3 -std=c++17 -lineinfo -gencode=arch=compute_90a,code=sm_90a gemm-bf16.cu -o gemm-bf16
(-arch=native on other GPUs from Ampere on, where the last four fall back to `mma`)

The bound is the Tensor Cores' peak. Each version removes one cost:

wmma         Tensor Cores through nvcuda::wmma, 64×64 tile in padded shared memory; any sizes
             and bases; loads element by element, and computes only when they have arrived
mma          mma.sync + ldmatrix on a 128×128 tile: 16-byte cp.async, three stages in flight,
             XOR swizzle instead of padding
wgmma        TMA fills swizzled tiles with one instruction, four warps multiply 64×256 straight
             from shared memory: no addresses, no fragments
specialised  a warp that only loads, two warpgroups that only multiply, 128×256 in all: each
             tile of B is used twice, and nobody waits for __syncthreads
cluster      two blocks share a tile of B: each loads half and multicasts it to both
persistent   one block an SM takes many tiles in an L2-friendly order; C goes through shared
             memory and a TMA store while the next tile is already being loaded

mma needs 16-byte rows (K % 8 == 0), aligned inputs and even N; else it is wmma. The last four
need a GPU of compute capability 9.0 besides; persistent's own store needs N % 8 == 0.
*/
#include <cuda.h>  // CUtensorMap; the driver is asked for its function at run time
#include <cuda_bf16.h>
#include <mma.h>

#include <map>
#include <tuple>

#include "../harness/harness.h"
#include "../harness/libraries/cublas.h"

using namespace nvcuda;
using bf16 = __nv_bfloat16;

__host__ __device__ constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

// ----------------------------------------------------------------------------
// CPU reference, from the definition: C[i][j] = Σ A[i][k] · B[j][k]

using Case = harness::Case<bf16>;
using Run = harness::Run<bf16>;

std::vector<double> gemm_reference(const Case& c) {
    size_t M = c.shape[0], N = c.shape[1], K = c.shape[2];
    std::vector<double> C(M * N), column(K * N);
    for (size_t j = 0; j < N; j++)
        for (size_t k = 0; k < K; k++) column[k * N + j] = float(c.in[1][j * K + k]);
    for (size_t i = 0; i < M; i++)
        for (size_t k = 0; k < K; k++) {
            double a = float(c.in[0][i * K + k]);
            for (size_t j = 0; j < N; j++) C[i * N + j] += a * column[k * N + j];
        }
    return C;
}

// The same on the GPU, for sizes that take the CPU minutes: 64×64 tile, 4×4 a thread.
__global__ void reference_kernel(const bf16* A, const bf16* B, double* C, int M, int N, int K) {
    __shared__ double a[16][64], b[16][64];
    int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
    int row = blockIdx.x * 64, col = blockIdx.y * 64;
    double sum[4][4] = {};
    for (int k0 = 0; k0 < K; k0 += 16) {
        for (int i = ty; i < 64; i += 16) {
            bool known = k0 + tx < K;
            a[tx][i] = known && row + i < M ? float(A[size_t(row + i) * K + k0 + tx]) : 0;
            b[tx][i] = known && col + i < N ? float(B[size_t(col + i) * K + k0 + tx]) : 0;
        }
        __syncthreads();
        for (int k = 0; k < 16; k++)
            for (int i = 0; i < 4; i++)
                for (int j = 0; j < 4; j++) sum[i][j] += a[k][ty + 16 * i] * b[k][tx + 16 * j];
        __syncthreads();
    }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            int r = row + ty + 16 * i, c = col + tx + 16 * j;
            if (r < M && c < N) C[size_t(r) * N + c] = sum[i][j];
        }
}

void gemm_gpu_reference(const harness::Run<bf16, double>& r) {
    int M = r.shape[0], N = r.shape[1], K = r.shape[2];
    reference_kernel<<<dim3(ceil_div(M, 64), ceil_div(N, 64)), 256>>>(r.in[0], r.in[1], r.out, M,
                                                                      N, K);
    CUDA_CHECK(cudaGetLastError());
}

// ----------------------------------------------------------------------------
// PTX that C++ has no words for. What sm_90a alone has is a trap elsewhere; the launchers see
// to it that nobody runs into it.

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define SM90A(...) asm volatile(__VA_ARGS__)
#else
#define SM90A(...) __trap()
#endif

__device__ uint32_t shared_address(const void* p) { return __cvta_generic_to_shared(p); }

// 16 bytes from global to shared memory, or zeros without reading.
__device__ void cp_async(void* to, const void* from, bool inside) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)),
                 "l"(from), "r"(inside ? 16 : 0)
                 : "memory");
}
__device__ void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int groups>
__device__ void cp_async_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(groups) : "memory");
}

// ANCHOR: ldmatrix
// Four 8×8 matrices; lane i names a row of matrix i / 8.
__device__ void ldmatrix(uint32_t (&r)[4], const bf16* p) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 "
                 "{%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(p)) : "memory");
}

// d += a · b, 16×8 += 16×16 · 16×8, by one warp.
__device__ void mma(float (&d)[4], const uint32_t (&a)[4],
                    uint32_t b0, uint32_t b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]),
          "r"(b0), "r"(b1));
}
// ANCHOR_END: ldmatrix

// ANCHOR: mbarrier
__device__ void barrier_init(uint64_t* b, int arrivals) {
    SM90A("mbarrier.init.shared::cta.b64 [%0], %1;"
          ::"r"(shared_address(b)), "r"(arrivals) : "memory");
}

// Arrive once, and announce `bytes` that TMA will deliver.
__device__ void expect_tx(uint64_t* b, int bytes) {
    SM90A("mbarrier.arrive.expect_tx.shared::cta.b64 "
          "_, [%0], %1;"
          ::"r"(shared_address(b)), "r"(bytes) : "memory");
}

// Until the phase of this parity (0, 1, 0, …) has ended.
__device__ void wait(uint64_t* b, int parity) {
    SM90A("{\n"
          ".reg .pred done;\n"
          "again:\n"
          "mbarrier.try_wait.parity.shared::cta.b64 "
          "done, [%0], %1;\n"
          "@!done bra again;\n"
          "}" ::"r"(shared_address(b)), "r"(parity) : "memory");
}

__device__ void arrive(uint64_t* b) {
    SM90A("mbarrier.arrive.shared::cta.b64 _, [%0];"
          ::"r"(shared_address(b)) : "memory");
}
// ANCHOR_END: mbarrier

// Initialised barriers become visible to the copy engine and to the cluster.
__device__ void fence_barriers() {
    SM90A("fence.mbarrier_init.release.cluster;" ::: "memory");
}
__device__ int cluster_rank() {
    uint32_t rank = 0;
    SM90A("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}
__device__ void cluster_sync() {
    SM90A("barrier.cluster.arrive.release;\n"
          "barrier.cluster.wait.acquire;" ::: "memory");
}

// ANCHOR: tma
// The box of the map whose first element is (x, y).
__device__ void tma_load(bf16* to, const CUtensorMap& map,
                         int x, int y, uint64_t* full) {
    SM90A("cp.async.bulk.tensor.2d.shared::cluster.global"
          ".mbarrier::complete_tx::bytes [%0], "
          "[%1, {%2, %3}], [%4];"
          ::"r"(shared_address(to)), "l"(&map), "r"(x), "r"(y),
            "r"(shared_address(full)) : "memory");
}

// The same into every block of the cluster with a bit in
// `blocks`: same offset, and each block's own barrier.
__device__ void tma_multicast(bf16* to, const CUtensorMap& map,
                              int x, int y, uint64_t* full,
                              uint16_t blocks) {
    SM90A("cp.async.bulk.tensor.2d.shared::cluster.global"
          ".mbarrier::complete_tx::bytes.multicast::cluster "
          "[%0], [%1, {%2, %3}], [%4], %5;"
          ::"r"(shared_address(to)), "l"(&map), "r"(x), "r"(y),
            "r"(shared_address(full)), "h"(blocks) : "memory");
}

// A group of its own, that tma_wait_read can wait for.
__device__ void tma_store(const CUtensorMap& map, int x, int y,
                          const bf16* from) {
    SM90A("cp.async.bulk.tensor.2d.global.shared::cta"
          ".bulk_group [%0, {%1, %2}], [%3];\n"
          "cp.async.bulk.commit_group;"
          ::"l"(&map), "r"(x), "r"(y),
            "r"(shared_address(from)) : "memory");
}
// ANCHOR_END: tma

// Until all but the last `groups` stores have read shared memory; global memory may wait.
template <int groups>
__device__ void tma_wait_read() {
    SM90A("cp.async.bulk.wait_group.read %0;" ::"n"(groups) : "memory");
}
// What this thread wrote into shared memory becomes visible to the copy engine.
__device__ void fence_proxy_async() { SM90A("fence.proxy.async.shared::cta;" ::: "memory"); }

template <int registers>
__device__ void take_registers() {
    SM90A("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(registers));
}
template <int registers>
__device__ void give_registers() {
    SM90A("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(registers));
}

__device__ void wgmma_fence() { SM90A("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ void wgmma_commit() { SM90A("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int groups>
__device__ void wgmma_wait() {
    SM90A("wgmma.wait_group.sync.aligned %0;" ::"n"(groups) : "memory");
}

// ANCHOR: wgmma-instruction
// A tile with rows of 64 bf16 (128 bytes) in the 128-byte
// swizzle: 8 rows make one pattern of 1024 bytes.
__device__ uint64_t descriptor(const bf16* tile) {
    uint64_t address = shared_address(tile) >> 4 & 0x3FFF;
    uint64_t stride = 1024 >> 4;
    return address | stride << 32 | 1ull << 62;
}

#define TEN(t) "%" #t "0, %" #t "1, %" #t "2, %" #t "3, %" #t \
    "4, %" #t "5, %" #t "6, %" #t "7, %" #t "8, %" #t "9, "
#define F8(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), \
    "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), \
    "+f"(d[i + 6]), "+f"(d[i + 7])
#define F64(i) F8(i), F8(i + 8), F8(i + 16), F8(i + 24), \
    F8(i + 32), F8(i + 40), F8(i + 48), F8(i + 56)

// d += a · bᵀ, 64×256 += 64×16 · 16×256, by four warps.
// Without `add`, d need not have been zeroed.
__device__ void wgmma(float (&d)[128], uint64_t a, uint64_t b,
                      bool add) {
    SM90A("{\n.reg .pred add;\nsetp.ne.b32 add, %130, 0;\n"
          "wgmma.mma_async.sync.aligned.m64n256k16"
          ".f32.bf16.bf16 {"
          TEN() TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6)
          TEN(7) TEN(8) TEN(9) TEN(10) TEN(11)
          "%120, %121, %122, %123, %124, %125, %126, %127}, "
          "%128, %129, add, 1, 1, 0, 0;\n}"
          : F64(0), F64(64) : "l"(a), "l"(b), "r"(int(add)));
}
// ANCHOR_END: wgmma-instruction

// The same 208 columns wide.
__device__ void wgmma(float (&d)[104], uint64_t a, uint64_t b, bool add) {
    SM90A("{\n.reg .pred add;\nsetp.ne.b32 add, %106, 0;\n"
          "wgmma.mma_async.sync.aligned.m64n208k16"
          ".f32.bf16.bf16 {"
          TEN() TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6)
          TEN(7) TEN(8) TEN(9) "%100, %101, %102, %103}, "
          "%104, %105, add, 1, 1, 0, 0;\n}"
          : F64(0), F8(64), F8(72), F8(80), F8(88), F8(96) : "l"(a), "l"(b),
            "r"(int(add)));
}

// ANCHOR: stmatrix
__device__ uint32_t as_bf16(const float* d) {
    __nv_bfloat162 pair = __floats2bfloat162_rn(d[0], d[1]);
    return reinterpret_cast<uint32_t&>(pair);
}

// ldmatrix backwards: four 8×8 matrices, rounded to bf16.
__device__ void stmatrix(void* p, const float* d) {
    SM90A("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], "
          "{%1, %2, %3, %4};"
          ::"r"(shared_address(p)), "r"(as_bf16(d)),
            "r"(as_bf16(d + 2)), "r"(as_bf16(d + 4)),
            "r"(as_bf16(d + 6)) : "memory");
}
// ANCHOR_END: stmatrix

// ----------------------------------------------------------------------------
// GPU kernels

// ANCHOR: wmma
constexpr int SIDE = 64;     // 4 warps, 32 × 32 of C each
constexpr int SLICE = 32;    // of K
constexpr int PITCH = SLICE + 8;  // 80 bytes: no bank twice

// C = A · Bᵀ for any M, N, K and bases.
__global__ void wmma_kernel(const bf16* A, const bf16* B,
                            bf16* C, int M, int N, int K) {
    alignas(32) __shared__ bf16 a[SIDE][PITCH];
    alignas(32) __shared__ bf16 b[SIDE][PITCH];
    alignas(32) __shared__ float c[SIDE][SIDE + 4];
    int row = blockIdx.x * SIDE, col = blockIdx.y * SIDE;
    int warp = threadIdx.x / 32;
    int wr = warp / 2 * 32, wc = warp % 2 * 32;
    wmma::fragment<wmma::accumulator, 16, 16, 16, float>
        sum[2][2];
    for (auto& s : sum) {
        wmma::fill_fragment(s[0], 0);
        wmma::fill_fragment(s[1], 0);
    }
    for (int k0 = 0; k0 < K; k0 += SLICE) {
        for (int i = threadIdx.x; i < SIDE * SLICE; i += 128) {
            int r = i / SLICE, k = i % SLICE;
            bf16 x = 0, y = 0;  // beyond the edge: adds nothing
            if (row + r < M && k0 + k < K)
                x = A[size_t(row + r) * K + k0 + k];
            if (col + r < N && k0 + k < K)
                y = B[size_t(col + r) * K + k0 + k];
            a[r][k] = x;
            b[r][k] = y;
        }
        __syncthreads();
        for (int k = 0; k < SLICE; k += 16) {
            wmma::fragment<wmma::matrix_a, 16, 16, 16, bf16,
                           wmma::row_major> x[2];
            wmma::fragment<wmma::matrix_b, 16, 16, 16, bf16,
                           wmma::col_major> y[2];
            for (int i = 0; i < 2; i++) {
                wmma::load_matrix_sync(x[i], &a[wr + 16 * i][k], PITCH);
                wmma::load_matrix_sync(y[i], &b[wc + 16 * i][k], PITCH);
            }
            for (int i = 0; i < 2; i++)
                for (int j = 0; j < 2; j++)
                    wmma::mma_sync(sum[i][j], x[i], y[j], sum[i][j]);
        }
        __syncthreads();
    }
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
            wmma::store_matrix_sync(&c[wr + 16 * i][wc + 16 * j],
                              sum[i][j], SIDE + 4, wmma::mem_row_major);
    __syncthreads();
    for (int i = threadIdx.x; i < SIDE * SIDE; i += 128) {
        int r = i / SIDE, j = i % SIDE;
        if (row + r < M && col + j < N)
            C[size_t(row + r) * N + col + j] = bf16(c[r][j]);
    }
}
// ANCHOR_END: wmma

// Two neighbours of C; N is even.
__device__ void store_pair(bf16* C, int M, int N, int row, int col, float x, float y) {
    if (row < M && col < N)
        *(__nv_bfloat162*)(C + size_t(row) * N + col) = __floats2bfloat162_rn(x, y);
}

alignas(1024) extern __shared__ unsigned char shared[];

// ANCHOR: mma
constexpr int TILE = 128;     // 4 warps, 64 × 64 of C each
constexpr int DEPTH = 64;     // of K: rows of 128 bytes
constexpr int IN_FLIGHT = 3;  // tiles of A and of B

// ANCHOR: mma-load
// Where chunk c (8 elements) of row r lies. 8 rows of the same
// chunk are in 8 different places of 128 bytes: all banks.
__device__ int swizzled(int r, int c) {
    return r * DEPTH + (c ^ r % 8) * 8;
}

__device__ void load_tile(bf16* tile, const bf16* from, int row,
                          int rows, int k, int K) {
    int y = threadIdx.x / 8, c = threadIdx.x % 8;
#pragma unroll
    for (int i = 0; i < TILE; i += 16) {
        int r = i + y;
        bool inside = row + r < rows && k + c * 8 < K;
        size_t at = size_t(row + r) * K + k + c * 8;
        cp_async(tile + swizzled(r, c), from + (inside ? at : 0),
                 inside);
    }
}
// ANCHOR_END: mma-load

__global__ void __launch_bounds__(128)
mma_kernel(const bf16* A, const bf16* B, bf16* C,
           int M, int N, int K) {
    bf16(*a)[TILE * DEPTH] = (bf16(*)[TILE * DEPTH])shared;
    bf16(*b)[TILE * DEPTH] = a + IN_FLIGHT;
    int row = blockIdx.x * TILE, col = blockIdx.y * TILE;
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int wr = warp / 2 * 64, wc = warp % 2 * 64;
    int tiles = ceil_div(K, DEPTH);
    auto load = [&](int t) {
        int slot = t % IN_FLIGHT;
        if (t < tiles) {
            load_tile(a[slot], A, row, M, t * DEPTH, K);
            load_tile(b[slot], B, col, N, t * DEPTH, K);
        }
        cp_async_commit();  // an empty group keeps the count
    };
    float sum[4][8][4] = {};
    for (int t = 0; t < IN_FLIGHT - 1; t++) load(t);
    for (int t = 0; t < tiles; t++) {
        cp_async_wait<IN_FLIGHT - 2>();  // tile t is here …
        __syncthreads();  // … for all, and t - 1 is used up
        load(t + IN_FLIGHT - 1);
        int slot = t % IN_FLIGHT;
// ANCHOR: mma-inner
#pragma unroll
        for (int k = 0; k < DEPTH / 16; k++) {
            uint32_t x[4][4], y[4][4];
            int r = lane % 16, c = 2 * k + lane / 16;
            for (int i = 0; i < 4; i++) {
                int at = 16 * i + r;
                ldmatrix(x[i], a[slot] + swizzled(wr + at, c));
                ldmatrix(y[i], b[slot] + swizzled(wc + at, c));
            }
            for (int i = 0; i < 4; i++)
                for (int j = 0; j < 4; j++) {
                    mma(sum[i][2 * j], x[i], y[j][0], y[j][2]);
                    mma(sum[i][2 * j + 1], x[i], y[j][1], y[j][3]);
                }
        }
// ANCHOR_END: mma-inner
    }
    row += wr + lane / 4;
    col += wc + lane % 4 * 2;
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 8; j++) {
            const float* s = sum[i][j];
            int r = row + 16 * i, c = col + 8 * j;
            store_pair(C, M, N, r, c, s[0], s[1]);
            store_pair(C, M, N, r + 8, c, s[2], s[3]);
        }
}
// ANCHOR_END: mma

// ANCHOR: wgmma-store
// A warpgroup's 64×256 of C, from (row, col) on: each warp has
// 16 rows, each thread pairs in rows r and r + 8.
__device__ void store_sums(const float (&sum)[128], bf16* C,
                           int M, int N, int row, int col) {
    int warp = threadIdx.x / 32 % 4, lane = threadIdx.x % 32;
    int r = row + warp * 16 + lane / 4;
    int c = col + lane % 4 * 2;
    for (int i = 0; i < 128; i += 4, c += 8) {
        store_pair(C, M, N, r, c, sum[i], sum[i + 1]);
        store_pair(C, M, N, r + 8, c, sum[i + 2], sum[i + 3]);
    }
}
// ANCHOR_END: wgmma-store

// ANCHOR: wgmma
constexpr int ROWS = 64, COLS = 256;  // of C
constexpr int STEP = 64;              // of K
constexpr int PAIR = 2;               // stages; 2 blocks an SM

// ANCHOR: multiply
template <int rows, int cols = COLS>
struct Stage {  // both as TMA lays them down, swizzled
    bf16 a[rows * STEP], b[cols * STEP];
};

// sum += the tiles' product, in four steps of 16.
template <int sums>
__device__ void multiply(float (&sum)[sums], const bf16* a,
                         const bf16* b, bool add = true) {
    wgmma_fence();
#pragma unroll
    for (int k = 0; k < STEP; k += 16)
        wgmma(sum, descriptor(a + k), descriptor(b + k),
              add || k > 0);
    wgmma_commit();
}
// ANCHOR_END: multiply

__global__ void __launch_bounds__(128)
wgmma_kernel(const __grid_constant__ CUtensorMap A,
             const __grid_constant__ CUtensorMap B,
             bf16* C, int M, int N, int K) {
    auto* stages = (Stage<ROWS>*)shared;
    __shared__ uint64_t full[PAIR];
    int row = blockIdx.x * ROWS, col = blockIdx.y * COLS;
    int steps = ceil_div(K, STEP);
    auto load = [&](int t) {  // one thread asks for it all
        Stage<ROWS>& s = stages[t % PAIR];
        uint64_t* arrived = &full[t % PAIR];
        expect_tx(arrived, sizeof s);
        tma_load(s.a, A, t * STEP, row, arrived);
        tma_load(s.b, B, t * STEP, col, arrived);
    };
    if (threadIdx.x == 0) {
        for (int i = 0; i < PAIR; i++) barrier_init(&full[i], 1);
        fence_barriers();
        load(0);
    }
    __syncthreads();
    float sum[128] = {};
    for (int t = 0; t < steps; t++) {
        if (threadIdx.x == 0 && t + 1 < steps) load(t + 1);
        Stage<ROWS>& s = stages[t % PAIR];
        wait(&full[t % PAIR], t / PAIR % 2);
        multiply(sum, s.a, s.b);
        wgmma_wait<0>();
        __syncthreads();  // all four warps are done with it
    }
    store_sums(sum, C, M, N, row, col);
}
// ANCHOR_END: wgmma

// ANCHOR: ring
constexpr int GROUPS = 2;             // that multiply
constexpr int WARPS = 4 * GROUPS;
constexpr int TALL = GROUPS * ROWS;   // 128 rows of C
constexpr int STAGES = 4;             // 4 × 48 KB

// A stage is full after one arrival and all its bytes, and
// empty after `arrivals` of warps that multiplied it.
__device__ void init_ring(uint64_t* full, uint64_t* empty,
                          int arrivals) {
    if (threadIdx.x != 0) return;
    for (int i = 0; i < STAGES; i++) {
        barrier_init(&full[i], 1);
        barrier_init(&empty[i], arrivals);
    }
    fence_barriers();
}
// ANCHOR_END: ring

// ANCHOR: specialised
__global__ void __launch_bounds__(128 + 128 * GROUPS, 1)
specialised_kernel(const __grid_constant__ CUtensorMap A,
                   const __grid_constant__ CUtensorMap B,
                   bf16* C, int M, int N, int K) {
    auto* stages = (Stage<TALL>*)shared;
    __shared__ uint64_t full[STAGES], empty[STAGES];
    int row = blockIdx.x * TALL, col = blockIdx.y * COLS;
    int steps = ceil_div(K, STEP);
    init_ring(full, empty, WARPS);
    __syncthreads();
// ANCHOR: produce
    if (threadIdx.x < 128) {  // loads, with one thread
        give_registers<40>();
        for (int t = 0; threadIdx.x == 0 && t < steps; t++) {
            int i = t % STAGES, parity = t / STAGES % 2;
            wait(&empty[i], parity ^ 1);  // at once, at first
            expect_tx(&full[i], sizeof *stages);
            tma_load(stages[i].a, A, t * STEP, row, &full[i]);
            tma_load(stages[i].b, B, t * STEP, col, &full[i]);
        }
// ANCHOR_END: produce
// ANCHOR: consume
    } else {  // multiplies 64 × 256
        take_registers<232>();
        int group = threadIdx.x / 128 - 1;
        float sum[128] = {};
        for (int t = 0; t < steps; t++) {
            int i = t % STAGES, parity = t / STAGES % 2;
            wait(&full[i], parity);
            multiply(sum, stages[i].a + group * ROWS * STEP,
                     stages[i].b);
            wgmma_wait<0>();
            if (threadIdx.x % 32 == 0) arrive(&empty[i]);
        }
        store_sums(sum, C, M, N, row + group * ROWS, col);
    }
// ANCHOR_END: consume
}
// ANCHOR_END: specialised

// ANCHOR: cluster
constexpr int BLOCKS = 2;  // of a cluster: 256 × 256 of C
constexpr int SHARE = COLS / BLOCKS;  // rows of B a block loads

// To the barrier at the same place in block `rank`. A release
// to the cluster is not needed: these warps wrote nothing.
__device__ void arrive_at(uint64_t* b, int rank) {
    SM90A("{\n"
          ".reg .b32 there;\n"
          "mapa.shared::cluster.u32 there, %0, %1;\n"
          "mbarrier.arrive.shared::cluster.b64 _, [there];\n"
          "}" ::"r"(shared_address(b)), "r"(rank) : "memory");
}

__global__ void __launch_bounds__(128 + 128 * GROUPS, 1)
cluster_kernel(const __grid_constant__ CUtensorMap A,
               const __grid_constant__ CUtensorMap B,
               bf16* C, int M, int N, int K) {
    auto* stages = (Stage<TALL>*)shared;
    __shared__ uint64_t full[STAGES], empty[STAGES];
    int row = blockIdx.x * TALL, col = blockIdx.y * COLS;
    int steps = ceil_div(K, STEP), rank = cluster_rank();
    init_ring(full, empty, BLOCKS * WARPS);
    cluster_sync();  // the other block's barriers too
// ANCHOR: multicast
    if (threadIdx.x < 128) {
        give_registers<40>();
        for (int t = 0; threadIdx.x == 0 && t < steps; t++) {
            int i = t % STAGES, parity = t / STAGES % 2;
            int half = rank * SHARE;  // that this block sends
            wait(&empty[i], parity ^ 1);  // in both blocks
            expect_tx(&full[i], sizeof *stages);
            tma_load(stages[i].a, A, t * STEP, row, &full[i]);
            tma_multicast(stages[i].b + half * STEP, B, t * STEP,
                          col + half, &full[i], 0b11);
        }
// ANCHOR_END: multicast
    } else {
        take_registers<232>();
        int group = threadIdx.x / 128 - 1;
        int lane = threadIdx.x % 32;
        float sum[128] = {};
        for (int t = 0; t < steps; t++) {
            int i = t % STAGES, parity = t / STAGES % 2;
            wait(&full[i], parity);
            multiply(sum, stages[i].a + group * ROWS * STEP,
                     stages[i].b);
            wgmma_wait<0>();
            if (lane < BLOCKS) arrive_at(&empty[i], lane);
        }
        store_sums(sum, C, M, N, row + group * ROWS, col);
    }
    cluster_sync();  // nobody writes to a block that has ended
}
// ANCHOR_END: cluster

// ANCHOR: persistent
constexpr int BAND = 8;       // clusters down, then across
constexpr int STRIP = 16;     // rows of C that a warp has
constexpr int NARROW = 208;   // columns of a tile, instead of 256

// Columns of C that a TMA store takes, and boxes of each warp,
// in turn. A row of 208 is 416 bytes: r and r + 4 share banks.
template <int cols>
constexpr int BOX = cols == COLS ? 64 : cols;
template <int cols>
constexpr int BOXES = cols == COLS ? 2 : 1;

// ANCHOR: order
// Tile of C number i: down a band of rows, then to the right.
__device__ int2 place(int i, int rows, int cols) {
    int first = i / (BAND * cols) * BAND;
    int height = min(BAND, rows - first);
    i -= first * cols;
    return {first + i % height, i / height};
}
// ANCHOR_END: order

// Chunk c of row r; TMA swizzles boxes of 64 columns alone.
template <int width>
__device__ int in_box(int r, int c) {
    return width == 64 ? swizzled(r, c) : r * width + c * 8;
}

template <int wide>
__global__ void __launch_bounds__(128 + 128 * GROUPS, 1)
persistent_kernel(const __grid_constant__ CUtensorMap A,
                  const __grid_constant__ CUtensorMap B,
                  const __grid_constant__ CUtensorMap C,
                  int M, int N, int K) {
    constexpr int width = BOX<wide>, boxes = BOXES<wide>;
    constexpr int share = wide / BLOCKS;
    auto* stages = (Stage<TALL, wide>*)shared;
    auto* out = (bf16*)(stages + STAGES);
    __shared__ uint64_t full[STAGES], empty[STAGES];
    int rank = cluster_rank();
    int steps = ceil_div(K, STEP);
    int rows = ceil_div(M, BLOCKS * TALL);
    int cols = ceil_div(N, wide);
    int begin = blockIdx.x / BLOCKS, clusters = gridDim.x / BLOCKS;
    init_ring(full, empty, BLOCKS * WARPS);
    cluster_sync();
    if (threadIdx.x < 128) {
        give_registers<40>();
        int t = 0;  // counts on from tile to tile
        for (int tile = begin; tile < rows * cols && threadIdx.x == 0;
             tile += clusters) {
            int2 at = place(tile, rows, cols);
            int row = (at.x * BLOCKS + rank) * TALL;
            int half = rank * share;
            for (int k = 0; k < steps; k++, t++) {
                int i = t % STAGES, parity = t / STAGES % 2;
                wait(&empty[i], parity ^ 1);
                expect_tx(&full[i], sizeof *stages);
                tma_load(stages[i].a, A, k * STEP, row, &full[i]);
                tma_multicast(stages[i].b + half * STEP, B, k * STEP,
                              at.y * wide + half, &full[i], 0b11);
            }
        }
    } else {
        take_registers<232>();
        int warp = threadIdx.x / 32 - 4, lane = threadIdx.x % 32;
        int group = warp / 4;
        out += warp * boxes * STRIP * width;
        int t = 0;
        for (int tile = begin; tile < rows * cols; tile += clusters) {
            int2 at = place(tile, rows, cols);
            int row = (at.x * BLOCKS + rank) * TALL + warp * STRIP;
            float sum[wide / 2];  // set by the first step
            for (int k = 0; k < steps; k++, t++) {
                int i = t % STAGES, parity = t / STAGES % 2;
                wait(&full[i], parity);
                multiply(sum, stages[i].a + group * ROWS * STEP,
                         stages[i].b, k > 0);
                wgmma_wait<1>();  // the step before is done
                if (k > 0 && lane < BLOCKS)
                    arrive_at(&empty[(t - 1) % STAGES], lane);
            }
            wgmma_wait<0>();
            if (lane < BLOCKS)
                arrive_at(&empty[(t - 1) % STAGES], lane);
// ANCHOR: epilogue
#pragma unroll
            for (int c = 0; c < wide; c += width) {
                bf16* box = out + c / width % boxes * STRIP * width;
                if (lane == 0) tma_wait_read<boxes - 1>();  // free
                __syncwarp();
#pragma unroll
                for (int j = 0; j < width; j += 16)
                    stmatrix(box + in_box<width>(lane % 16,
                                                 j / 8 + lane / 16),
                             &sum[(c + j) / 2]);
                fence_proxy_async();
                __syncwarp();
                if (lane == 0)
                    tma_store(C, at.y * wide + c, row, box);
            }
// ANCHOR_END: epilogue
        }
        if (lane == 0) tma_wait_read<0>();
    }
    cluster_sync();
}
// ANCHOR_END: persistent

// ----------------------------------------------------------------------------
// Launchers

bool on_bytes(const void* p, size_t bytes) { return size_t(p) % bytes == 0; }

template <class Kernel>
void allow_shared(Kernel kernel, size_t bytes) {
    CUDA_CHECK(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(bytes)));
}

// ANCHOR: wmma-launch
void launch_wmma(const bf16* A, const bf16* B, bf16* C,
    int M, int N, int K) {
    dim3 grid(ceil_div(M, SIDE), ceil_div(N, SIDE));
    wmma_kernel<<<grid, 128>>>(A, B, C, M, N, K);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: wmma-launch

// ANCHOR: mma-launch
void launch_mma(const bf16* A, const bf16* B, bf16* C,
    int M, int N, int K) {
    bool chunks = K % 8 == 0 && on_bytes(A, 16) && on_bytes(B, 16);
    bool pairs = N % 2 == 0 && on_bytes(C, 4);
    if (!chunks || !pairs) return launch_wmma(A, B, C, M, N, K);
    size_t bytes = IN_FLIGHT * 2 * TILE * DEPTH * sizeof(bf16);
    allow_shared(mma_kernel, bytes);
    dim3 grid(ceil_div(M, TILE), ceil_div(N, TILE));
    mma_kernel<<<grid, 128, bytes>>>(A, B, C, M, N, K);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: mma-launch

// ANCHOR: tensor-map
// A row-major matrix as TMA sees it: in boxes, swizzled if 64
// elements wide; what lies outside is read as zero.
CUtensorMap make_map(const bf16* base, int rows, int cols,
                     int height, int width) {
    static decltype(&cuTensorMapEncodeTiled) encode = [] {
        void* f = nullptr;
        cudaDriverEntryPointQueryResult found;
        CUDA_CHECK(cudaGetDriverEntryPointByVersion(
            "cuTensorMapEncodeTiled", &f, 12000,
            cudaEnableDefault, &found));
        return (decltype(&cuTensorMapEncodeTiled))f;
    }();
    CUtensorMap map;
    cuuint64_t size[] = {cuuint64_t(cols), cuuint64_t(rows)};
    cuuint64_t pitch[] = {cols * sizeof(bf16)};  // of 16 bytes
    cuuint32_t box[] = {cuuint32_t(width), cuuint32_t(height)};
    cuuint32_t every[] = {1, 1};
    CUresult result = encode(
        &map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, (void*)base,
        size, pitch, box, every, CU_TENSOR_MAP_INTERLEAVE_NONE,
        width == 64 ? CU_TENSOR_MAP_SWIZZLE_128B
                    : CU_TENSOR_MAP_SWIZZLE_NONE,
        CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
        CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    if (result != CUDA_SUCCESS)
        throw harness::Failure("launch", "no tensor map");
    return map;
}
// ANCHOR_END: tensor-map

// The maps that were made, so that a call does not make them again.
const CUtensorMap& tensor_map(const bf16* base, int rows, int cols, int height, int width = 64) {
    static std::map<std::tuple<const bf16*, int, int, int, int>, CUtensorMap> maps;
    auto found = maps.find({base, rows, cols, height, width});
    if (found == maps.end())
        found = maps.emplace(std::make_tuple(base, rows, cols, height, width),
                             make_map(base, rows, cols, height, width))
                    .first;
    return found->second;
}

bool hopper() {
    static int major = harness::attribute(cudaDevAttrComputeCapabilityMajor);
    return major == 9;
}

// Rows of 16 bytes for TMA, pairs for the store.
bool for_tma(const bf16* A, const bf16* B, const bf16* C, int N, int K) {
    return hopper() && K % 8 == 0 && on_bytes(A, 16) && on_bytes(B, 16) && N % 2 == 0 &&
           on_bytes(C, 4);
}

// ANCHOR: wgmma-launch
void launch_wgmma(const bf16* A, const bf16* B, bf16* C,
    int M, int N, int K) {
    if (!for_tma(A, B, C, N, K)) return launch_mma(A, B, C, M, N, K);
    size_t bytes = PAIR * sizeof(Stage<ROWS>);
    allow_shared(wgmma_kernel, bytes);
    dim3 grid(ceil_div(M, ROWS), ceil_div(N, COLS));
    wgmma_kernel<<<grid, 128, bytes>>>(
        tensor_map(A, M, K, ROWS), tensor_map(B, N, K, COLS),
        C, M, N, K);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: wgmma-launch

// ANCHOR: specialised-launch
void launch_specialised(const bf16* A, const bf16* B, bf16* C,
    int M, int N, int K) {
    if (!for_tma(A, B, C, N, K)) return launch_mma(A, B, C, M, N, K);
    size_t bytes = STAGES * sizeof(Stage<TALL>);
    allow_shared(specialised_kernel, bytes);
    dim3 grid(ceil_div(M, TALL), ceil_div(N, COLS));
    specialised_kernel<<<grid, 128 + 128 * GROUPS, bytes>>>(
        tensor_map(A, M, K, TALL), tensor_map(B, N, K, COLS),
        C, M, N, K);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: specialised-launch

// ANCHOR: launch-clusters
// <<<…>>> cannot say how many blocks make a cluster.
template <class... Parameters, class... Arguments>
void launch_in_clusters(void (*kernel)(Parameters...), dim3 grid,
                        int threads, size_t bytes, int blocks,
                        const Arguments&... arguments) {
    cudaLaunchAttribute cluster;
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim = {unsigned(blocks), 1, 1};
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = threads;
    config.dynamicSmemBytes = bytes;
    config.attrs = &cluster;
    config.numAttrs = 1;
    allow_shared(kernel, bytes);
    CUDA_CHECK(cudaLaunchKernelEx(&config, kernel,
                                  Parameters(arguments)...));
}
// ANCHOR_END: launch-clusters

// ANCHOR: cluster-launch
void launch_cluster(const bf16* A, const bf16* B, bf16* C,
    int M, int N, int K) {
    if (!for_tma(A, B, C, N, K)) return launch_mma(A, B, C, M, N, K);
    size_t bytes = STAGES * sizeof(Stage<TALL>);
    dim3 grid(ceil_div(M, BLOCKS * TALL) * BLOCKS,
              ceil_div(N, COLS));
    launch_in_clusters(cluster_kernel, grid, 128 + 128 * GROUPS,
                       bytes, BLOCKS, tensor_map(A, M, K, TALL),
                       tensor_map(B, N, K, SHARE), C, M, N, K);
}
// ANCHOR_END: cluster-launch

// ANCHOR: persistent-launch
// How often all clusters get a tile `wide` columns wide.
int waves(int M, int N, int wide) {
    int sms = harness::attribute(cudaDevAttrMultiProcessorCount);
    int tiles = ceil_div(M, BLOCKS * TALL) * ceil_div(N, wide);
    return ceil_div(tiles, sms / BLOCKS);
}

template <int wide>
void launch_tiles(const bf16* A, const bf16* B, bf16* C,
    int M, int N, int K) {
    size_t out = BOXES<wide> * STRIP * BOX<wide> * sizeof(bf16);
    size_t bytes = STAGES * sizeof(Stage<TALL, wide>) + WARPS * out;
    int tiles = ceil_div(M, BLOCKS * TALL) * ceil_div(N, wide);
    // As few clusters as take the same time.
    int clusters = ceil_div(tiles, waves(M, N, wide));
    launch_in_clusters(persistent_kernel<wide>, clusters * BLOCKS,
                       128 + 128 * GROUPS, bytes, BLOCKS,
                       tensor_map(A, M, K, TALL),
                       tensor_map(B, N, K, wide / BLOCKS),
                       tensor_map(C, M, N, STRIP, BOX<wide>),
                       M, N, K);
}

void launch_persistent(const bf16* A, const bf16* B, bf16* C,
    int M, int N, int K) {
    bool rows = N % 8 == 0 && on_bytes(C, 16);  // TMA stores C
    if (!rows || !for_tma(A, B, C, N, K))
        return launch_cluster(A, B, C, M, N, K);
    int waves_of_wide = waves(M, N, COLS);
    bool narrow = waves_of_wide > 1 &&
                  waves(M, N, NARROW) * NARROW <
                      waves_of_wide * COLS;
    auto launch = narrow ? launch_tiles<NARROW> : launch_tiles<COLS>;
    launch(A, B, C, M, N, K);
}
// ANCHOR_END: persistent-launch

// ----------------------------------------------------------------------------
// What to check, against what, at which sizes

template <void (*launch)(const bf16*, const bf16*, bf16*, int, int, int)>
void call(const Run& r) {
    launch(r.in[0], r.in[1], r.out, r.shape[0], r.shape[1], r.shape[2]);
}

int main(int argc, char** argv) {
    using harness::Shape;
    harness::Operation<bf16> op;
    op.name = "gemm-bf16";
    op.inputs = {[](const Shape& s) { return size_t(s[0]) * s[2]; },
                 [](const Shape& s) { return size_t(s[1]) * s[2]; }};
    op.output = [](const Shape& s) { return size_t(s[0]) * s[1]; };
    op.bytes = [](const Shape& s) {
        double M = s[0], N = s[1], K = s[2];
        return (M * K + N * K + M * N) * sizeof(bf16);
    };
    op.flops = [](const Shape& s) { return 2.0 * s[0] * s[1] * s[2]; };
    op.unit = harness::Unit::BF16Tensor;
    // The rounding of C to bf16 is relative; the sums' own error grows with K.
    op.relative = 1.0 / 256;
    op.tolerance = [](const Shape& s) { return 2e-6 * s[2]; };
    op.lower_precision = {3};  // the inputs have 7 bits: fp8 must be rejected
    op.reference = gemm_reference;
    op.gpu_reference = gemm_gpu_reference;
    op.special = {0, 1};
    op.versions = {{"wmma", call<launch_wmma>},
                   {"mma", call<launch_mma>},
                   {"wgmma", call<launch_wgmma>},
                   {"specialised", call<launch_specialised>},
                   {"cluster", call<launch_cluster>},
                   {"persistent", call<launch_persistent>}};
    op.baselines = harness::cublas_gemm_bf16();
    // Odd sizes go to wmma; multiples of 8 around a tile, several steps of K; more tiles than
    // clusters, so that persistent goes round, of either width on 132 multiprocessors, and more
    // rows of them than a band has. Then what only one of a launcher's conditions keeps out, and
    // enough steps for the ring to go round four times.
    op.checked = {{1, 1, 1},       {63, 65, 33},    {101, 67, 131},  {129, 264, 200},
                  {130, 130, 392}, {260, 264, 328}, {257, 250, 72},  {64, 64, 64},
                  {128, 256, 64},  {1, 8, 8},       {8, 17416, 72},  {8, 33000, 264},
                  {2056, 264, 72}, {9, 10, 33},     {9, 7, 8},       {3, 6, 8},
                  {5, 126, 8},     {8, 264, 1032}};
    op.timed = {{4096, 4096, 4096}, {8192, 8192, 8192}, {4096, 4104, 4088}};
    return harness::main(op, argc, argv);
}
