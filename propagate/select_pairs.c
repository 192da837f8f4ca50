/* select_pairs.c - a few good, well distributed pairs out of two fields; see correspond.h. */
#include "propagate/correspond.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/kmeans.h"

/* Pixel fields have more mutual neighbours than clustering can use: only the most similar are clustered. */
#define MAX_CANDIDATES 20000

typedef struct candidate {
    int32_t at;         /* position in the forward field */
    float   cycle;      /* pixels */
    float   similarity;
    float   saliency;   /* mean of both pictures, 0 without */
} candidate;

typedef struct selection {
    const hf_field         *forward;
    const hf_feature_map   *from, *to;
    const hf_select_params *p;
    candidate              *list;
    int                     n;
} selection;

static int by_similarity(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->similarity != y->similarity)
        return x->similarity > y->similarity ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static int by_cycle(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->cycle != y->cycle)
        return x->cycle < y->cycle ? -1 : 1;
    return by_similarity(a, b);
}

static int ranks_above(const candidate *a, const candidate *b)
{
    if (a->saliency != b->saliency)
        return a->saliency > b->saliency;
    return by_similarity(a, b) < 0;
}

/* ---- candidates ---- */

static int is_background(const float *saliency, int64_t at, float threshold)
{
    return saliency && !(saliency[at] > threshold);
}

static void find_candidates(selection *s, const float *cycle)
{
    const hf_select_params *p = s->p;
    int64_t n = (int64_t)s->forward->width * s->forward->height;

    for (int64_t i = 0; i < n; i++) {
        int32_t q = s->forward->index[i];
        if (!isfinite(cycle[i]) || (p->how != HF_SELECT_CYCLIC && cycle[i] != 0.0f) ||
            is_background(p->saliency, i, p->threshold) || is_background(p->to_saliency, q, p->threshold))
            continue;
        float saliency = 0.5f * ((p->saliency ? p->saliency[i] : 0.0f) + (p->to_saliency ? p->to_saliency[q] : 0.0f));
        s->list[s->n++] = (candidate){ (int32_t)i, cycle[i], s->forward->similarity[i], saliency };
    }
    qsort(s->list, (size_t)s->n, sizeof(*s->list), p->how == HF_SELECT_CYCLIC ? by_cycle : by_similarity);
    int most = p->how == HF_SELECT_CYCLIC ? 2 * p->n : p->how == HF_SELECT_MUTUAL ? p->n : MAX_CANDIDATES;
    s->n = s->n < most ? s->n : most;
}

/* ---- clusters ---- */

/* The descriptor of a candidate in the first picture, with that of its match behind it for buddies; unit length. */
static void describe(float *vector, const selection *s, const candidate *c)
{
    const hf_field *f = s->forward;
    int D = s->from->D, both = s->p->how == HF_SELECT_BUDDIES;
    int32_t q = f->index[c->at];
    double length = (double)hf_feature_sample(vector, s->from, c->at % f->width, c->at / f->width);

    if (both) {
        double other = (double)hf_feature_sample(vector + D, s->to, q % f->to_width, q / f->to_width);
        length = sqrt(length * length + other * other);
    }
    for (int d = 0; length > 0.0 && d < (both ? 2 : 1) * D; d++)
        vector[d] = (float)(vector[d] / length);
}

/* Bring the best of each cluster to the front of the list. */
static void keep_best_of_clusters(selection *s, const int *label, int n_clusters)
{
    int kept = 0;
    for (int k = 0; k < n_clusters; k++) {
        int best = -1;
        for (int i = 0; i < s->n; i++)
            if (label[i] == k && (best < 0 || ranks_above(&s->list[i], &s->list[best])))
                best = i;
        if (best >= 0)
            s->list[best].cycle = -1.0f; /* marks it */
    }
    for (int i = 0; i < s->n; i++)
        if (s->list[i].cycle < 0.0f)
            s->list[kept++] = s->list[i];
    s->n = kept;
}

static int cluster(selection *s, hf_error *err)
{
    int width = s->from->D * (s->p->how == HF_SELECT_BUDDIES ? 2 : 1), rc = HF_OK;
    int n_clusters = s->p->n < s->n ? s->p->n : s->n;
    float *vectors = malloc((size_t)s->n * (size_t)width * sizeof(float) + 1);
    int *label = malloc((size_t)s->n * sizeof(int) + 1);

    if (!vectors || !label) {
        rc = hf_fail(err, HF_ENOMEM, "select: out of memory for %d candidates", s->n);
        goto end;
    }
    for (int i = 0; i < s->n; i++)
        describe(vectors + (int64_t)i * width, s, &s->list[i]);
    if ((rc = hf_kmeans(label, vectors, s->n, width, n_clusters, err)) < 0)
        goto end;
    keep_best_of_clusters(s, label, n_clusters);
end:
    free(vectors);
    free(label);
    return rc;
}

int hf_select_pairs(int32_t *chosen, int *n_chosen, const hf_field *forward, const hf_field *back,
                    const hf_feature_map *from, const hf_feature_map *to, const hf_select_params *params,
                    hf_error *err)
{
    int64_t n = (int64_t)forward->width * forward->height;
    selection s = { .forward = forward, .from = from, .to = to, .p = params };
    float *cycle = malloc((size_t)n * sizeof(float));
    int rc = HF_OK;

    *n_chosen = 0;
    s.list = malloc((size_t)n * sizeof(*s.list));
    if (params->n < 1) {
        rc = hf_fail(err, HF_EARG, "select: %d pairs, want 1 or more", params->n);
        goto end;
    }
    if (!cycle || !s.list) {
        rc = hf_fail(err, HF_ENOMEM, "select: out of memory");
        goto end;
    }
    hf_field_cycle(cycle, forward, back);
    find_candidates(&s, cycle);
    if (params->how != HF_SELECT_MUTUAL && s.n > 0 && (rc = cluster(&s, err)) < 0)
        goto end;
    qsort(s.list, (size_t)s.n, sizeof(*s.list), by_similarity);
    for (int i = 0; i < s.n; i++)
        chosen[i] = s.list[i].at;
    *n_chosen = s.n;
end:
    free(cycle);
    free(s.list);
    return rc;
}
