/* pck.c - see pck.h. */
#include "propagate/pck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hf_pck_check(const hf_pck_params *params, hf_error *err)
{
    if (params->n_alphas < 1 || params->n_alphas > HF_PCK_MAX_ALPHAS)
        return hf_fail(err, HF_EARG, "pck: %d alphas, want 1..%d", params->n_alphas, HF_PCK_MAX_ALPHAS);
    for (int i = 0; i < params->n_alphas; i++)
        if (!(params->alpha[i] > 0.0 && params->alpha[i] <= 10.0))
            return hf_fail(err, HF_EARG, "pck: alpha is %g, want more than 0 and at most 10", params->alpha[i]);
    if (params->eval_size < 0 || params->eval_size > HF_PCK_MAX_EVAL_SIZE)
        return hf_fail(err, HF_EARG, "pck: evaluation size is %d, want 1..%d", params->eval_size, HF_PCK_MAX_EVAL_SIZE);
    return HF_OK;
}

/* The pixel nearest to a coordinate of an image of `size` pixels, on a grid of `eval` pixels. */
static double nearest_pixel(double at, int size, int eval)
{
    double scaled = at * eval / size;
    return nearbyint(scaled < 0.0 ? 0.0 : scaled > eval - 1 ? eval - 1 : scaled);
}

int hf_pck_predict(double *predicted, const hf_pck_pair *pair, const hf_feature_map *source,
                   const hf_feature_map *target, const hf_pck_params *params, hf_error *err)
{
    int eval = params->eval_size, n = pair->n, rc = HF_OK;
    hf_feature_map from = *source, to = *target;
    hf_match_points *points = NULL;
    float *vectors = malloc((size_t)n * (size_t)from.D * sizeof(float));
    hf_point_match *matches = malloc((size_t)n * sizeof(*matches));

    from.width = eval ? eval : pair->source_width, from.height = eval ? eval : pair->source_height;
    to.width = eval ? eval : pair->target_width, to.height = eval ? eval : pair->target_height;
    if (!vectors || !matches) {
        rc = hf_fail(err, HF_ENOMEM, "pck: out of memory for %d key points", n);
        goto end;
    }
    for (int i = 0; i < n; i++)
        hf_feature_sample(vectors + (int64_t)i * from.D, &from,
                          nearest_pixel(pair->source_xy[2 * i], pair->source_width, from.width),
                          nearest_pixel(pair->source_xy[2 * i + 1], pair->source_height, from.height));
    if ((rc = hf_match_points_new(&points, &to, NULL, err)) < 0 ||
        (rc = hf_match_points_run(matches, points, vectors, n, -1.0f, err)) < 0)
        goto end;
    for (int i = 0; i < n; i++) {
        predicted[2 * i] = (double)matches[i].x * pair->target_width / to.width;
        predicted[2 * i + 1] = (double)matches[i].y * pair->target_height / to.height;
    }
end:
    hf_match_points_free(&points);
    free(vectors);
    free(matches);
    return rc;
}

static double larger_side(const double box[4])
{
    return fmax(box[2] - box[0], box[3] - box[1]);
}

static double larger_side_of_points(const double *xy, int n)
{
    double box[4] = { INFINITY, INFINITY, -INFINITY, -INFINITY };
    for (int i = 0; i < n; i++)
        for (int c = 0; c < 2; c++) {
            box[c] = fmin(box[c], xy[2 * i + c]);
            box[c + 2] = fmax(box[c + 2], xy[2 * i + c]);
        }
    return larger_side(box);
}

int hf_pck_base_px(double *base_px, const hf_pck_pair *pair, const hf_pck_params *params, hf_error *err)
{
    const double *box = params->box == HF_PCK_BOX_SOURCE ? pair->source_box : pair->target_box;

    if (params->base == HF_PCK_IMAGE)
        *base_px = pair->target_width > pair->target_height ? pair->target_width : pair->target_height;
    else if (params->box == HF_PCK_BOX_KEYPOINTS)
        *base_px = larger_side_of_points(pair->target_xy, pair->n);
    else if (!box)
        return hf_fail(err, HF_EFORMAT, "pck: no box of the %s is annotated, want the image or the key points as base",
                       params->box == HF_PCK_BOX_SOURCE ? "source" : "target");
    else
        *base_px = larger_side(box);
    return HF_OK;
}

static hf_pck_sums *sums_of(hf_pck_tally *tally, const char *category)
{
    for (int i = 0; i < tally->n_categories; i++)
        if (strncmp(tally->categories[i].category, category, sizeof(tally->all.category) - 1) == 0)
            return &tally->categories[i];
    hf_pck_sums *grown = realloc(tally->categories, ((size_t)tally->n_categories + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    tally->categories = grown;
    hf_pck_sums *sums = &grown[tally->n_categories++];
    *sums = (hf_pck_sums){ .n_pairs = 0 };
    snprintf(sums->category, sizeof(sums->category), "%s", category);
    return sums;
}

static void add_to(hf_pck_sums *sums, const int *hits, double distance_px, int n, int n_alphas)
{
    sums->n_pairs++;
    sums->n_points += n;
    sums->distance_px += distance_px;
    for (int a = 0; a < n_alphas; a++) {
        sums->hits[a] += hits[a];
        sums->shares[a] += (double)hits[a] / n;
    }
}

int hf_pck_add(hf_pck_tally *tally, int *hits, const hf_pck_pair *pair, const double *predicted, double base_px,
               const hf_pck_params *params, hf_error *err)
{
    hf_pck_sums *sums = sums_of(tally, pair->category);
    int count[HF_PCK_MAX_ALPHAS] = { 0 };
    double total = 0.0;

    if (!sums)
        return hf_fail(err, HF_ENOMEM, "pck: out of memory");
    for (int i = 0; i < pair->n; i++) {
        double distance = hypot(predicted[2 * i] - pair->target_xy[2 * i],
                                predicted[2 * i + 1] - pair->target_xy[2 * i + 1]);
        total += distance;
        for (int a = 0; a < params->n_alphas; a++) {
            double limit = params->alpha[a] * base_px;
            count[a] += params->is_strict ? distance < limit : distance <= limit;
        }
    }
    add_to(sums, count, total, pair->n, params->n_alphas);
    add_to(&tally->all, count, total, pair->n, params->n_alphas);
    if (hits)
        memcpy(hits, count, (size_t)params->n_alphas * sizeof(int));
    return HF_OK;
}

void hf_pck_tally_free(hf_pck_tally *tally)
{
    free(tally->categories);
    *tally = (hf_pck_tally){ .n_categories = 0 };
}

double hf_pck_per_point(const hf_pck_sums *sums, int alpha)
{
    return sums->n_points ? (double)sums->hits[alpha] / sums->n_points : 0.0;
}

double hf_pck_per_image(const hf_pck_sums *sums, int alpha)
{
    return sums->n_pairs ? sums->shares[alpha] / sums->n_pairs : 0.0;
}

double hf_pck_per_category(const hf_pck_tally *tally, int alpha)
{
    double sum = 0.0;
    for (int i = 0; i < tally->n_categories; i++)
        sum += hf_pck_per_point(&tally->categories[i], alpha);
    return tally->n_categories ? sum / tally->n_categories : 0.0;
}
