/*
SpMV: y = A·x, A sparse in CSR: row r holds val[k] in column col[k], ptr[r] ≤ k < ptr[r + 1].

nvcc -O3 -std=c++17 -lineinfo -arch=native spmv.cu -o spmv && ./spmv

Two FLOP for the 8 bytes of an entry: the bound is the memory. Each version removes one cost:

scalar  one thread a row: a warp's 32 lanes read 32 places of val and col at a time
group   4 lanes a row: the reads of neighbouring rows adjoin. Good where all rows are short
vector  one warp a row: val and col are read in order, shuffles add up; but a row shorter than
        32 leaves lanes idle, and one long row keeps its warp busy when all others are done
merge   row ends and entries merged into one list, cut into pieces of the same length: each
        lane has the same work whatever the rows look like; sums cut in two are added afterwards.
        Where the pieces begin is found once a matrix. While one is added up, the next is on
        its way

A shape is [rows, kind]: kind 1 a band, 27 entries a row; kind 2 a power law, from empty rows
to one with 400,000 entries.
*/
#include "../harness/harness.h"

#include <cmath>
#include <map>

#include "../harness/libraries/cusparse.h"

// ----------------------------------------------------------------------------
// The matrices: square, the number of entries a function of the shape

using Case = harness::Case<float>;
using Run = harness::Run<float>;
using harness::Shape;

constexpr int BAND_WIDTH = 27, BANDED = 1;

int degree(const Shape& s, int row) {
    int rows = s[0];
    if (s[1] == BANDED) return std::min(BAND_WIDTH, rows);
    // Few long rows and many short ones, spread over the matrix.
    uint64_t rank = (row * 2654435761ull + 12345) % rows;
    double most = std::min(4e5, rows / 6.0 + 3);
    return std::max(0, int(most / std::pow(rank + 1.0, 0.75)) - 4);
}

const std::vector<int>& row_pointers(const Shape& s) {
    static std::map<Shape, std::vector<int>> known;
    std::vector<int>& ptr = known[s];
    if (ptr.empty()) {
        ptr.push_back(0);
        for (int r = 0; r < s[0]; r++) ptr.push_back(ptr.back() + degree(s, r));
    }
    return ptr;
}

size_t entries(const Shape& s) { return row_pointers(s).back(); }

int longest_row(const Shape& s) {
    const std::vector<int>& ptr = row_pointers(s);
    int longest = 0;
    for (int r = 0; r < s[0]; r++) longest = std::max(longest, ptr[r + 1] - ptr[r]);
    return longest;
}

// Columns ascend in each row. In the power law, low columns are more frequent.
std::vector<std::vector<int>> matrix(const Shape& s, uint64_t seed) {
    const std::vector<int>& ptr = row_pointers(s);
    std::vector<int> col(ptr.back());
    int rows = s[0];
    for (int r = 0; r < rows; r++) {
        int n = ptr[r + 1] - ptr[r], before = -1;
        int band = std::max(0, std::min(r - BAND_WIDTH / 2, rows - n));
        for (int k = 0; k < n; k++) {
            double u = (k + harness::random_bits(seed, ptr[r] + k) * 0x1p-64) / n;
            int c = s[1] == BANDED ? band + k : int(rows * u * (0.1 + 0.9 * u));
            before = col[ptr[r] + k] = std::max(before + 1, std::min(c, rows - n + k));
        }
    }
    return {ptr, col};
}

// ----------------------------------------------------------------------------
// References, from the definition

std::vector<double> spmv_reference(const Case& c) {
    const std::vector<int>&ptr = c.indices[0], &col = c.indices[1];
    const std::vector<float>&val = c.in[0], &x = c.in[1];
    std::vector<double> y(ptr.size() - 1);
    for (size_t r = 0; r < y.size(); r++)
        for (int k = ptr[r]; k < ptr[r + 1]; k++) y[r] += double(val[k]) * x[col[k]];
    return y;
}

__global__ void reference_kernel(const int* ptr, const int* col, const float* val, const float* x,
                                 double* y) {
    __shared__ double sums[128];
    int row = blockIdx.x;
    double sum = 0;
    for (int k = ptr[row] + threadIdx.x; k < ptr[row + 1]; k += blockDim.x)
        sum += double(val[k]) * x[col[k]];
    sums[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x) return;
    for (int i = 1; i < blockDim.x; i++) sum += sums[i];
    y[row] = sum;
}

void gpu_reference(const harness::Run<float, double>& r) {
    reference_kernel<<<r.shape[0], 128>>>(r.indices[0], r.indices[1], r.in[0], r.in[1], r.out);
    CUDA_CHECK(cudaGetLastError());
}

// ----------------------------------------------------------------------------
// GPU kernels

constexpr int BLOCK = 256;
constexpr unsigned ALL = 0xffffffff;  // lanes of a warp

// ANCHOR: csr
struct CSR {
    int rows, entries;
    const int *ptr, *col;
    const float* val;
};
// ANCHOR_END: csr

// ANCHOR: scalar
__global__ void scalar_kernel(CSR A, const float* x, float* y) {
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= A.rows) return;
    float sum = 0;
    for (int k = A.ptr[row]; k < A.ptr[row + 1]; k++)
        sum += A.val[k] * x[A.col[k]];
    y[row] = sum;
}
// ANCHOR_END: scalar

// ANCHOR: group
constexpr int LANES = 4;  // of a row: a power of two

__global__ void group_kernel(CSR A, const float* x, float* y) {
    int thread = blockIdx.x * blockDim.x + threadIdx.x;
    int row = thread / LANES, lane = thread % LANES;
    float sum = 0;
    if (row < A.rows) {
        for (int k = A.ptr[row] + lane; k < A.ptr[row + 1];
             k += LANES)
            sum += A.val[k] * x[A.col[k]];
    }
    for (int step = LANES / 2; step > 0; step /= 2)
        sum += __shfl_down_sync(ALL, sum, step);
    if (row < A.rows && lane == 0) y[row] = sum;
}
// ANCHOR_END: group

// ANCHOR: vector
__device__ float warp_sum(float sum) {
    for (int step = 16; step > 0; step /= 2)
        sum += __shfl_down_sync(ALL, sum, step);
    return sum;  // right in lane 0
}

__global__ void vector_kernel(CSR A, const float* x, float* y) {
    int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    int lane = threadIdx.x % 32;
    if (row >= A.rows) return;  // the whole warp
    float sum = 0;
    for (int k = A.ptr[row] + lane; k < A.ptr[row + 1]; k += 32)
        sum += A.val[k] * x[A.col[k]];
    sum = warp_sum(sum);
    if (lane == 0) y[row] = sum;
}
// ANCHOR_END: vector

constexpr int ITEMS = 9;  // of a lane, 32 at most; odd: neighbours begin in different banks
constexpr int TILE = 32 * ITEMS;
constexpr int TILES = 4;  // of a warp, one after the other
constexpr int WARPS = 4;  // of a block
constexpr int BLOCKS = 8;  // at least, on a multiprocessor

// ANCHOR: merge-plan
// The merged list holds an item for each entry and, after a
// row's entries, one for its end. How many of the first
// `items` are row ends?
__device__ int row_ends(int items, const int* end, int rows,
                        int entries) {
    int low = max(items - entries, 0), high = min(items, rows);
    while (low < high) {
        int mid = (low + high) / 2;
        if (end[mid] + mid < items) low = mid + 1;
        else high = mid;
    }
    return low;
}

// Once a matrix: after how many row ends does a tile begin?
__global__ void plan_kernel(CSR A, int* first, int tiles) {
    int t = blockIdx.x * blockDim.x + threadIdx.x;
    if (t > tiles) return;
    int items = min(t * TILE, A.rows + A.entries);
    first[t] = row_ends(items, A.ptr + 1, A.rows, A.entries);
}
// ANCHOR_END: merge-plan

// ANCHOR: merge-load
// What a lane holds of a tile whose data are on their way.
struct Share {
    int row0, rows, k0, entries;  // of the whole tile
    int col[ITEMS];
    float val[ITEMS];
};

// Asks for tile t: all loads before any use.
__device__ Share ask(CSR A, const int* first, int t) {
    Share s;
    s.row0 = first[t];
    s.rows = first[t + 1] - s.row0;
    s.k0 = t * TILE - s.row0;
    int items = min(TILE, A.rows + A.entries - t * TILE);
    s.entries = items - s.rows;
    int lane = threadIdx.x % 32;
    const int* col = A.col + s.k0 + lane;
    const float* val = A.val + s.k0 + lane;
#pragma unroll
    for (int j = 0; j < ITEMS; j++)
        if (lane + 32 * j < s.entries) {
            s.col[j] = __ldcs(col + 32 * j);  // read but once:
            s.val[j] = __ldcs(val + 32 * j);  // x stays in L2
        }
    return s;
}
// ANCHOR_END: merge-load

// ANCHOR: merge-put
// A tile into shared memory: its products, and for each lane a
// bit for each of its items, set where that is a row's end.
__device__ void put(const Share& s, CSR A, const float* x,
                    float* word, unsigned* ends) {
    int lane = threadIdx.x % 32;
    float xs[ITEMS];
    ends[lane] = 0;
    __syncwarp();
#pragma unroll
    for (int j = 0; j < ITEMS; j++)
        if (lane + 32 * j < s.entries) xs[j] = x[s.col[j]];
    for (int i = lane; i < s.rows; i += 32) {
        int item = A.ptr[s.row0 + i + 1] - s.k0 + i;
        atomicOr(&ends[item / ITEMS], 1u << item % ITEMS);
    }
#pragma unroll
    for (int j = 0; j < ITEMS; j++) {
        bool inside = lane + 32 * j < s.entries;
        word[lane + 32 * j] = inside ? s.val[j] * xs[j] : 0;
    }
    __syncwarp();
}
// ANCHOR_END: merge-put

// ANCHOR: merge
// A lane's items; `ends` tells which are row ends. `word` holds
// the tile's products on entry, the sums of its rows at the
// end, and `sum` the part of a row that is cut. All lanes call.
__device__ void walk(float* word, unsigned ends, float& sum) {
    int lane = threadIdx.x % 32, row = __popc(ends);
    for (int step = 1; step < 32; step *= 2) {
        int others = __shfl_up_sync(ALL, row, step);
        if (lane >= step) row += others;
    }
    row -= __popc(ends);  // row ends before this lane's items
    int first = row, k = lane * ITEMS - row;
    float product[ITEMS];
#pragma unroll
    for (int j = 0; j < ITEMS; j++)
        product[j] = ends >> j & 1 ? 0 : word[k++];
    __syncwarp();  // all have read; now the sums may go there
#pragma unroll
    for (int j = 0; j < ITEMS; j++) {
        sum += product[j];
        if (ends >> j & 1) {
            word[row++] = sum;
            sum = 0;
        }
    }
    // Add up what lanes left since the last row end.
    unsigned some = __ballot_sync(ALL, ends != 0) | 1;
    int from = 31 - __clz(some & (ALL >> (31 - lane)));
    for (int step = 1; step < 32; step *= 2) {
        float rest = __shfl_up_sync(ALL, sum, step);
        if (lane - step >= from) sum += rest;
    }
    float before = __shfl_up_sync(ALL, sum, 1);
    if (ends && lane > 0) word[first] += before;
    sum = __shfl_sync(ALL, sum, 31);
    __syncwarp();
}
// ANCHOR_END: merge

// ANCHOR: merge-kernel
// A warp takes TILES tiles; while it adds up one, the next is
// on its way.
__global__ void __launch_bounds__(32 * WARPS, BLOCKS)
merge_kernel(CSR A, const float* __restrict__ x,
             float* __restrict__ y,
             const int* __restrict__ first,
             float* __restrict__ carry, int tiles) {
    __shared__ float words[WARPS][TILE];
    __shared__ unsigned ends[WARPS][32];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int piece = blockIdx.x * WARPS + warp;
    int t = piece * TILES, last = min(t + TILES, tiles);
    if (t >= last) return;  // the whole warp
    float sum = 0, *word = words[warp];
    Share tile = ask(A, first, t);
    while (t < last) {
        int row0 = tile.row0, rows = tile.rows;
        put(tile, A, x, word, ends[warp]);
        if (++t < last) tile = ask(A, first, t);
        if (lane > 0) sum = 0;  // lane 0 goes on where we were
        walk(word, ends[warp][lane], sum);
        for (int i = lane; i < rows; i += 32)
            y[row0 + i] = word[i];
        __syncwarp();
    }
    if (lane == 0) carry[piece] = sum;  // of an unfinished row
}
// ANCHOR_END: merge-kernel

// ANCHOR: merge-fix
// The row that is unfinished at the end of piece p: add what
// this piece and later ones computed of it.
__global__ void fix_kernel(CSR A, float* y, const int* first,
                           const float* carry, int tiles) {
    int p = blockIdx.x * blockDim.x + threadIdx.x;
    int lane = threadIdx.x % 32, row = A.rows, last = p;
    int t = p * TILES, next = min(t + TILES, tiles);
    if (t < tiles) row = first[next];
    bool open = row < A.rows && (t == 0 || first[t] < row);
    if (open) last = (A.ptr[row + 1] + row) / (TILE * TILES);
    if (last == p + 1) y[row] += carry[p];
    unsigned longer = __ballot_sync(ALL, last > p + 1);
    for (; longer; longer &= longer - 1) {
        int from = __ffs(longer) - 1;
        int begin = __shfl_sync(ALL, p, from);
        int end = __shfl_sync(ALL, last, from);
        float sum = 0;
        for (int i = begin + lane; i < end; i += 32)
            sum += carry[i];
        sum = __shfl_sync(ALL, warp_sum(sum), 0);
        if (lane == from) y[row] += sum;
    }
}
// ANCHOR_END: merge-fix

// ----------------------------------------------------------------------------
// Launchers

constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

// ANCHOR: scalar-launch
void scalar(const CSR& A, const float* x, float* y) {
    int blocks = ceil_div(A.rows, BLOCK);
    scalar_kernel<<<blocks, BLOCK>>>(A, x, y);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: scalar-launch

// ANCHOR: group-launch
void group(const CSR& A, const float* x, float* y) {
    int blocks = ceil_div(A.rows, BLOCK / LANES);
    group_kernel<<<blocks, BLOCK>>>(A, x, y);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: group-launch

// ANCHOR: vector-launch
void vector(const CSR& A, const float* x, float* y) {
    int blocks = ceil_div(A.rows, BLOCK / 32);  // a warp a row
    vector_kernel<<<blocks, BLOCK>>>(A, x, y);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: vector-launch

int tiles_of(const CSR& A) { return ceil_div(A.rows + A.entries, TILE); }

// ANCHOR: merge-launch
void plan(const CSR& A, int* first) {
    int tiles = ceil_div(A.rows + A.entries, TILE);
    plan_kernel<<<ceil_div(tiles + 1, BLOCK), BLOCK>>>(
        A, first, tiles);
    CUDA_CHECK(cudaGetLastError());
}

void merge(const CSR& A, const float* x, float* y,
           const int* first, float* carry) {
    int tiles = ceil_div(A.rows + A.entries, TILE);
    int pieces = ceil_div(tiles, TILES);
    merge_kernel<<<ceil_div(pieces, WARPS), 32 * WARPS>>>(
        A, x, y, first, carry, tiles);
    CUDA_CHECK(cudaGetLastError());
    fix_kernel<<<ceil_div(pieces, BLOCK), BLOCK>>>(
        A, y, first, carry, tiles);
    CUDA_CHECK(cudaGetLastError());
}
// ANCHOR_END: merge-launch

// ----------------------------------------------------------------------------
// What to check, against what, at which sizes

template <class Out>
CSR csr(const harness::Run<float, Out>& r) {
    return {r.shape[0], int(entries(r.shape)), r.indices[0], r.indices[1], r.in[0]};
}

template <void (*launch)(const CSR&, const float*, float*)>
void call(const Run& r) {
    launch(csr(r), r.in[1], r.out);
}

// What `merge` knows of a matrix, and its workspace: made before a run, as cuSPARSE has it.
struct Plan {
    int* first = nullptr;
    float* carry = nullptr;
    int tiles = 0;
} plans;

void before_merge(const Run& r) {
    CSR A = csr(r);
    int tiles = tiles_of(A);
    if (plans.tiles != tiles) {
        CUDA_CHECK(cudaFree(plans.first));
        CUDA_CHECK(cudaFree(plans.carry));
        CUDA_CHECK(cudaMalloc(&plans.first, (tiles + 1) * sizeof(int)));
        CUDA_CHECK(cudaMalloc(&plans.carry, tiles * sizeof(float)));
        plans.tiles = tiles;
    }
    plan(A, plans.first);
}

void call_merge(const Run& r) {
    merge(csr(r), r.in[1], r.out, plans.first, plans.carry);
}

int main(int argc, char** argv) {
    harness::Operation<float> op;
    op.name = "spmv";
    op.inputs = {entries, [](const Shape& s) { return size_t(s[0]); }};
    op.output = [](const Shape& s) { return size_t(s[0]); };
    op.indices = matrix;
    op.bytes = [](const Shape& s) { return 8.0 * entries(s) + 12.0 * s[0]; };
    op.flops = [](const Shape& s) { return 2.0 * entries(s); };
    op.tolerance = [](const Shape& s) { return 0x1p-23 * (4 + longest_row(s)); };
    op.reference = spmv_reference;
    op.gpu_reference = gpu_reference;
    op.special = {0, 1};
    op.baselines = harness::cusparse_spmv([](const Shape& s) {
        struct { int64_t rows, columns, entries; } size = {s[0], s[0], int64_t(entries(s))};
        return size;
    });
    harness::Version<float> merge_version{"merge", call_merge};
    merge_version.before = before_merge;
    op.versions = {{"scalar", call<scalar>}, {"group", call<group>}, {"vector", call<vector>},
                   merge_version};
    op.checked = {{1, 1},    {2, 1},    {27, 1},   {31, 1},    {32, 2},
                  {33, 1},   {255, 2},  {257, 1},  {1000, 2},  {1021, 1},
                  {6007, 2}, {30011, 2}};
    op.timed = {{1 << 22, 2}, {1 << 21, 1}};
    return harness::main(op, argc, argv);
}
