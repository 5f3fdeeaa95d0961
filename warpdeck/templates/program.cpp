/*
NAME: the mean of n numbers, by way of a running mean. Put your operation here, and say in a
sentence what it shows.

g++ -O2 -std=c++17 NAME.cpp -o NAME && ./NAME
*/
#include <cmath>
#include <cstdio>
#include <vector>

// ANCHOR: mean
double running_mean(const std::vector<float>& x) {
    double mean = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
        mean += (x[i] - mean) / double(i + 1);
    return mean;
}
// ANCHOR_END: mean

// Against the definition, in double. `!(error <= …)`: a NaN must fail too.
bool check(int n) {
    std::vector<float> x(n);
    double sum = 0;
    for (int i = 0; i < n; ++i) {
        x[i] = float(i * 37 % 101) - 40.5f;
        sum += x[i];
    }
    double error = std::fabs(running_mean(x) - sum / n);
    if (!(error <= 1e-12 * n)) {
        std::fprintf(stderr, "wrong at n = %d\n", n);
        return false;
    }
    std::printf("right at n = %d\n", n);
    return true;
}

int main() {
    for (int n : {1, 2, 7, 1000, 4099})
        if (!check(n)) return 1;
}
