// The last of five numbers.
#include <cstdio>
#include <vector>

// ANCHOR: last
int last(const std::vector<int>& x) {
    return x.data()[x.size() - 1];
}
// ANCHOR_END: last

int main() {
    std::vector<int> x{3, 1, 4, 1, 5};
    if (last(x) != 5) return std::fprintf(stderr, "last is not 5\n"), 1;
    std::puts("last 5");
}
