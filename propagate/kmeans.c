/* kmeans.c - see kmeans.h. */
#include "propagate/kmeans.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROUNDS 100

typedef struct clusters {
    const float *vectors;
    int          n, D, k;
    float       *center; /* [k,D] */
    double      *sum;    /* [k,D] */
    int         *count;  /* [k] */
    float       *away;   /* [n] squared distance to the nearest center */
} clusters;

static float squared_distance(const float *a, const float *b, int D)
{
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int d = 0; d < D; d++)
        sum += (a[d] - b[d]) * (a[d] - b[d]);
    return sum;
}

/* 0..1, from a fixed seed (xorshift64*). */
static double next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)((*state * 0x2545f4914f6cdd1du) >> 11) / (double)(1ull << 53);
}

static void take_center(clusters *c, int cluster, int vector)
{
    memcpy(c->center + (int64_t)cluster * c->D, c->vectors + (int64_t)vector * c->D, (size_t)c->D * sizeof(float));
}

/* k-means++: each next start is drawn with a chance that grows with the square of its distance to those before. */
static void start(clusters *c)
{
    uint64_t state = 0x9e3779b97f4a7c15u;
    take_center(c, 0, (int)(next_random(&state) * c->n));
    for (int i = 0; i < c->n; i++)
        c->away[i] = INFINITY;
    for (int k = 1; k < c->k; k++) {
        double total = 0.0;
#pragma omp parallel for schedule(static)
        for (int i = 0; i < c->n; i++)
            c->away[i] = fminf(c->away[i], squared_distance(c->vectors + (int64_t)i * c->D,
                                                            c->center + (int64_t)(k - 1) * c->D, c->D));
        for (int i = 0; i < c->n; i++)
            total += (double)c->away[i];
        double at = next_random(&state) * total;
        int chosen = 0;
        while (chosen < c->n - 1 && (at -= (double)c->away[chosen]) >= 0.0)
            chosen++;
        take_center(c, k, chosen);
    }
}

/* Returns how many labels changed. */
static int assign(int *label, const clusters *c)
{
    int changed = 0;
#pragma omp parallel for schedule(static) reduction(+ : changed)
    for (int i = 0; i < c->n; i++) {
        const float *v = c->vectors + (int64_t)i * c->D;
        float nearest = INFINITY;
        int best = 0;
        for (int k = 0; k < c->k; k++) {
            float d = squared_distance(v, c->center + (int64_t)k * c->D, c->D);
            if (d < nearest)
                nearest = d, best = k;
        }
        changed += label[i] != best;
        label[i] = best;
    }
    return changed;
}

/* An empty cluster keeps its center. */
static void move_centers(const int *label, clusters *c)
{
    memset(c->sum, 0, (size_t)c->k * (size_t)c->D * sizeof(double));
    memset(c->count, 0, (size_t)c->k * sizeof(int));
    for (int i = 0; i < c->n; i++) {
        double *sum = c->sum + (int64_t)label[i] * c->D;
        c->count[label[i]]++;
        for (int d = 0; d < c->D; d++)
            sum[d] += (double)c->vectors[(int64_t)i * c->D + d];
    }
    for (int k = 0; k < c->k; k++)
        for (int d = 0; c->count[k] && d < c->D; d++)
            c->center[(int64_t)k * c->D + d] = (float)(c->sum[(int64_t)k * c->D + d] / c->count[k]);
}

int hf_kmeans(int *label, const float *vectors, int n, int D, int k, hf_error *err)
{
    clusters c = { .vectors = vectors, .n = n, .D = D, .k = k };
    size_t numbers = (size_t)(k > 0 ? k : 0) * (size_t)D;
    int rc = HF_OK;

    if (k < 1 || k > n)
        return hf_fail(err, HF_EARG, "kmeans: %d clusters of %d vectors, want 1..%d", k, n, n);
    c.center = malloc(numbers * sizeof(float));
    c.sum = malloc(numbers * sizeof(double));
    c.count = malloc((size_t)k * sizeof(int));
    c.away = malloc((size_t)n * sizeof(float));
    if (!c.center || !c.sum || !c.count || !c.away) {
        rc = hf_fail(err, HF_ENOMEM, "kmeans: out of memory for %d clusters of %d vectors", k, n);
        goto end;
    }
    start(&c);
    for (int i = 0; i < n; i++)
        label[i] = -1;
    for (int round = 0; round < MAX_ROUNDS && assign(label, &c); round++)
        move_centers(label, &c);
end:
    free(c.center);
    free(c.sum);
    free(c.count);
    free(c.away);
    return rc;
}
