/* eval_stats.c - mean, recall and decay of a row of scores, summed as numpy sums. */
#include "propagate/eval.h"

#include <assert.h>
#include <math.h>

/*
 * numpy adds up to 128 values with eight running sums and splits longer rows in two, at a
 * multiple of eight. Any other order could change the last bit, and with it a printed
 * digit where the value lies on a tie.
 */
static double pairwise_sum(const double *v, int64_t n)
{
    if (n < 8) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += v[i];
        return sum;
    }
    if (n <= 128) {
        double r[8];
        int64_t i;
        for (int k = 0; k < 8; k++)
            r[k] = v[k];
        for (i = 8; i + 8 <= n; i += 8)
            for (int k = 0; k < 8; k++)
                r[k] += v[i + k];
        double sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
        for (; i < n; i++)
            sum += v[i];
        return sum;
    }
    int64_t half = n / 2 - n / 2 % 8;
    return pairwise_sum(v, half) + pairwise_sum(v + half, n - half);
}

/* Border number i (0..4) of the quarters of n values. */
static int64_t quarter_border(int64_t n, int i)
{
    double at = i == 4 ? (double)n : (double)i * ((double)(n - 1) / 4) + 1;

    return (int64_t)rint(at + 1e-10) - 1; /* rint: halves to even, the default rounding mode */
}

static double quarter_mean(const double *values, int64_t n, int i)
{
    int64_t from = quarter_border(n, i), to = quarter_border(n, i + 1) + 1;

    return hf_eval_mean(values + from, to - from);
}

double hf_eval_mean(const double *values, int64_t n)
{
    assert(n >= 1);
    return pairwise_sum(values, n) / (double)n;
}

hf_eval_stats hf_eval_statistics(const double *values, int64_t n)
{
    hf_eval_stats stats;
    int64_t above = 0;

    for (int64_t i = 0; i < n; i++)
        above += values[i] > 0.5;
    stats.mean = hf_eval_mean(values, n);
    stats.recall = (double)above / (double)n;
    stats.decay = quarter_mean(values, n, 0) - quarter_mean(values, n, 3);
    return stats;
}
