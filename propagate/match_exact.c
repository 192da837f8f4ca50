/* match_exact.c - see match_exact.h.
 *
 *   cos(p, q) = sum_j w_j(q) <S'(p), T_j> / (|S'(p)| |T'(q)|)
 *
 * Four dot products of D terms serve all positions of a target quad.
 */
#include "propagate/match_exact.h"

#include "src/simd.h"

#define TIE 1e-12

HF_CLONES static void add_scaled(double *sum, const float *v, double weight, int D)
{
#pragma omp simd
    for (int d = 0; d < D; d++)
        sum[d] += weight * (double)v[d];
}

HF_CLONES static double dot_mixed(const double *a, const float *b, int D)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int d = 0; d < D; d++)
        sum += a[d] * (double)b[d];
    return sum;
}

double hf_match_exact_vector(double *vector, const hf_match_map *source, int qy, int qx, int py,
                             int px)
{
    double w[4];
    hf_match_corners corners;

    hf_match_corners_get(&corners, source, qy, qx);
    hf_match_weights(w, source->y.far[py], source->x.far[px]);
    for (int d = 0; d < source->D; d++)
        vector[d] = 0;
    for (int i = 0; i < 4; i++)
        if (corners.norm[i] > 0)
            add_scaled(vector, source->raw + (int64_t)corners.cell[i] * source->D, w[i], source->D);
    return hf_match_length(&corners, source, w) * corners.scale;
}

void hf_match_exact_offer(hf_match_best *best, int32_t q, double cosine)
{
    if (best->q < 0 || cosine > best->cosine + TIE || (cosine > best->cosine - TIE && q < best->q)) {
        best->q = q;
        best->cosine = cosine;
    }
}

void hf_match_exact_quad(hf_match_best *best, const hf_match_target *t, int quad, const int *keep,
                         int n_keep, const double *vector, double length)
{
    const hf_match_map *map = &t->map;
    hf_match_corners corners;
    double dot[4];

    hf_match_corners_get(&corners, map, quad / map->x.n_cells, quad % map->x.n_cells);
    for (int j = 0; j < 4; j++)
        dot[j] = corners.norm[j] > 0
                     ? dot_mixed(vector, map->raw + (int64_t)corners.cell[j] * map->D, map->D) /
                           (length * corners.scale)
                     : 0;
    for (int i = 0; i < n_keep; i++) {
        int q = t->q[t->offset[quad] + keep[i]];
        double w[4];
        hf_match_weights(w, map->y.far[map->y.position[q / map->x.n_px]],
                         map->x.far[map->x.position[q % map->x.n_px]]);
        double top = w[0] * dot[0] + w[1] * dot[1] + w[2] * dot[2] + w[3] * dot[3];
        hf_match_exact_offer(best, q, top / hf_match_length(&corners, map, w));
    }
}
