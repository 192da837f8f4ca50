/* test_correspond.c - fields on every backend, cycles, clusters, and which pairs are chosen. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/correspond.h"
#include "propagate/kmeans.h"

enum { h = 6, w = 7, D = 12, N = h * w };

static void fill(float *data, unsigned seed)
{
    srand(seed);
    for (int i = 0; i < N * D; i++)
        data[i] = (float)(2.0 * rand() / RAND_MAX - 1.0);
}

/* A map in the backend's memory. */
static void *upload(hf_backend *be, const float *data)
{
    hf_tensor t = hf_tensor_view(be->ops.alloc(be, N * D * sizeof(float)), HF_F32, 3, h, w, D);
    cr_assert_eq(be->ops.write(be, &t, data, NULL), HF_OK);
    cr_assert_eq(be->ops.sync(be, NULL), HF_OK);
    return t.data;
}

Test(correspond, a_field_is_the_same_on_every_backend_and_without_masks)
{
    float a[N * D], b[N * D];
    hf_field *f, *g;
    fill(a, 1);
    fill(b, 2);
    hf_feature_map from = { a, h, w, D, 30, 26 }, to = { b, h, w, D, 41, 37 };
    cr_assert_eq(hf_field_new(&g, 30, 26, 41, 37, NULL), HF_OK);
    cr_assert_eq(hf_field_match_inside(g, &from, &to, NULL, NULL, NULL), HF_OK);
    for (const char *const *name = hf_backend_names(); *name; name++) {
        hf_backend *be;
        hf_tensor ta = hf_tensor_view(a, HF_F32, 3, h, w, D), tb = hf_tensor_view(b, HF_F32, 3, h, w, D);
        if (hf_backend_open(&be, *name, 1, NULL) < 0)
            continue; /* test_backend says why there is no GPU */
        ta.data = upload(be, a);
        tb.data = upload(be, b);
        cr_assert_eq(hf_field_new(&f, 30, 26, 41, 37, NULL), HF_OK);
        cr_assert_eq(hf_field_match(f, be, &ta, &tb, NULL), HF_OK);
        for (int i = 0; i < 30 * 26; i++) {
            cr_assert_eq(f->index[i], g->index[i], "%s, pixel %d", *name, i);
            cr_assert_float_eq(f->similarity[i], g->similarity[i], 2e-5);
        }
        hf_field_free(&f);
        be->ops.free(be, ta.data);
        be->ops.free(be, tb.data);
        hf_backend_close(&be);
    }
    hf_field_free(&g);
}

/* A field of 1 row written down. */
static hf_field *row_field(int n, const int32_t *index, int to_n)
{
    hf_field *f;
    cr_assert_eq(hf_field_new(&f, n, 1, to_n, 1, NULL), HF_OK);
    memcpy(f->index, index, (size_t)n * sizeof(int32_t));
    for (int i = 0; i < n; i++)
        f->similarity[i] = 0.5f;
    return f;
}

Test(correspond, a_cycle_is_the_way_there_and_back)
{
    hf_field *there = row_field(4, (int32_t[]){ 2, 0, -1, 1 }, 3);
    hf_field *back = row_field(3, (int32_t[]){ 3, -1, 0 }, 4);
    float distance[4], flow[8];
    hf_field_cycle(distance, there, back);
    cr_assert(distance[0] == 0.0f && distance[1] == 2.0f);
    cr_assert(isinf(distance[2]) && isinf(distance[3]));
    hf_field_to_flow(flow, there);
    cr_assert(flow[0] == 2.0f && flow[1] == 0.0f && flow[2] == -1.0f && isnan(flow[4]) && isnan(flow[5]));
    hf_field_free(&there);
    hf_field_free(&back);
}

Test(correspond, sizes_below_one_are_refused)
{
    hf_field *f;
    cr_assert_eq(hf_field_new(&f, 3, 0, 3, 3, NULL), HF_EARG);
    cr_assert_null(f);
}

/* ---- selection: B is A with its cells exchanged in a known way ---- */

typedef struct scene {
    float          a[N * D], b[N * D];
    hf_feature_map from, to;
    hf_field      *there, *back;
} scene;

/* Cell i of A goes to cell N - 1 - i of B. Odd cells of B get noise, the same amount more for higher ones. */
static scene *make_scene(void)
{
    scene *s = calloc(1, sizeof(*s));
    fill(s->a, 5);
    for (int i = 0; i < N; i++)
        for (int d = 0; d < D; d++) {
            float noise = (float)rand() / (float)RAND_MAX - 0.5f;
            s->b[(N - 1 - i) * D + d] = s->a[i * D + d] + 0.01f * (float)i * noise;
        }
    s->from = (hf_feature_map){ s->a, h, w, D, w, h };
    s->to = (hf_feature_map){ s->b, h, w, D, w, h };
    cr_assert_eq(hf_field_new(&s->there, w, h, w, h, NULL), HF_OK);
    cr_assert_eq(hf_field_new(&s->back, w, h, w, h, NULL), HF_OK);
    cr_assert_eq(hf_field_match_inside(s->there, &s->from, &s->to, NULL, NULL, NULL), HF_OK);
    cr_assert_eq(hf_field_match_inside(s->back, &s->to, &s->from, NULL, NULL, NULL), HF_OK);
    return s;
}

static void drop_scene(scene *s)
{
    hf_field_free(&s->there);
    hf_field_free(&s->back);
    free(s);
}

static int run(int32_t *chosen, const scene *s, hf_select_params p)
{
    int n;
    cr_assert_eq(hf_select_pairs(chosen, &n, s->there, s->back, &s->from, &s->to, &p, NULL), HF_OK);
    return n;
}

Test(correspond, mutual_pairs_come_with_the_most_similar_first)
{
    scene *s = make_scene();
    int32_t chosen[8];
    cr_assert_eq(run(chosen, s, (hf_select_params){ .how = HF_SELECT_MUTUAL, .n = 8 }), 8);
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(s->there->index[chosen[i]], N - 1 - chosen[i]);
        cr_assert(i == 0 || s->there->similarity[chosen[i]] <= s->there->similarity[chosen[i - 1]]);
        cr_assert(chosen[i] < 16); /* the noise grows with i */
    }
    drop_scene(s);
}

Test(correspond, each_way_keeps_to_the_foreground_of_both_pictures)
{
    scene *s = make_scene();
    float saliency[N], to_saliency[N];
    int32_t chosen[N];
    for (int i = 0; i < N; i++)
        saliency[i] = i % 2 ? 0.9f : 0.0f, to_saliency[N - 1 - i] = i >= 20 ? 0.5f : 0.01f;
    for (int how = HF_SELECT_MUTUAL; how <= HF_SELECT_BUDDIES; how++) {
        int n = run(chosen, s, (hf_select_params){ how, 4, saliency, to_saliency, 0.05f });
        cr_assert(n >= 2 && n <= 4, "%d pairs", n);
        for (int i = 0; i < n; i++)
            cr_assert(chosen[i] % 2 == 1 && chosen[i] >= 20, "way %d chose %d", how, chosen[i]);
    }
    drop_scene(s);
}

/* Four groups of cells that are alike: each gives one buddy, the most salient of its group. */
Test(correspond, buddies_come_one_from_each_cluster_and_the_most_salient)
{
    scene *s = make_scene();
    float saliency[N];
    int32_t chosen[4];
    for (int i = 0; i < N; i++) {
        for (int d = 0; d < D; d++)
            s->a[i * D + d] = (d == i % 4 ? 3.0f : 0.0f) + 0.05f * s->a[i * D + d];
        saliency[i] = i == 13 || i == 22 || i == 31 || i == 40 ? 0.9f : 0.4f;
    }
    for (int i = 0; i < N; i++)
        memcpy(s->b + (N - 1 - i) * D, s->a + i * D, sizeof(float) * D);
    cr_assert_eq(hf_field_match_inside(s->there, &s->from, &s->to, NULL, NULL, NULL), HF_OK);
    cr_assert_eq(hf_field_match_inside(s->back, &s->to, &s->from, NULL, NULL, NULL), HF_OK);
    cr_assert_eq(run(chosen, s, (hf_select_params){ HF_SELECT_BUDDIES, 4, saliency, NULL, 0.05f }), 4);
    int seen = 0;
    for (int i = 0; i < 4; i++) {
        cr_assert(chosen[i] == 13 || chosen[i] == 22 || chosen[i] == 31 || chosen[i] == 40, "chose %d", chosen[i]);
        seen |= 1 << chosen[i] % 4;
    }
    cr_assert_eq(seen, 15);
    drop_scene(s);
}

Test(correspond, the_smallest_cycles_are_chosen)
{
    scene *s = make_scene();
    int32_t chosen[3];
    float cycle[N];
    for (int i = 0; i < N; i++) /* only cells 3, 11 and 30 come back near themselves */
        s->back->index[N - 1 - i] = i == 3 || i == 30 ? i : i == 11 ? 12 : (i + N / 2) % N;
    hf_field_cycle(cycle, s->there, s->back);
    int n = run(chosen, s, (hf_select_params){ .how = HF_SELECT_CYCLIC, .n = 3 }), near = 0;
    cr_assert_eq(n, 3);
    for (int i = 0; i < n; i++)
        near += cycle[chosen[i]] <= 1.0f;
    cr_assert(near >= 1, "%d", near); /* three of the six candidates are near; one of each cluster stays */
    drop_scene(s);
}

Test(correspond, fewer_pairs_than_asked_for_are_all_given)
{
    scene *s = make_scene();
    int32_t chosen[1000];
    for (int i = 0; i < N; i++)
        if (i != 4 && i != 9)
            s->there->index[i] = -1;
    for (int how = HF_SELECT_MUTUAL; how <= HF_SELECT_BUDDIES; how++)
        cr_assert_eq(run(chosen, s, (hf_select_params){ .how = how, .n = 1000 }), 2);
    s->there->index[4] = s->there->index[9] = -1;
    for (int how = HF_SELECT_MUTUAL; how <= HF_SELECT_BUDDIES; how++)
        cr_assert_eq(run(chosen, s, (hf_select_params){ .how = how, .n = 5 }), 0);
    drop_scene(s);
}

Test(correspond, no_pairs_at_all_cannot_be_asked_for)
{
    scene *s = make_scene();
    int32_t chosen[1];
    int n = 7;
    hf_error err = { 0 };
    hf_select_params p = { .n = 0 };
    cr_assert_eq(hf_select_pairs(chosen, &n, s->there, s->back, &s->from, &s->to, &p, &err), HF_EARG);
    cr_assert_eq(n, 0);
    drop_scene(s);
}

Test(correspond, kmeans_finds_clusters_that_are_far_apart)
{
    enum { n = 90, k = 3 };
    float v[n * 2];
    int label[n];
    srand(7);
    for (int i = 0; i < n; i++) {
        v[2 * i] = (float)(i % k) * 10.0f + (float)rand() / (float)RAND_MAX;
        v[2 * i + 1] = (float)rand() / (float)RAND_MAX;
    }
    cr_assert_eq(hf_kmeans(label, v, n, 2, k, NULL), HF_OK);
    for (int i = k; i < n; i++)
        cr_assert_eq(label[i], label[i % k]);
    cr_assert(label[0] != label[1] && label[1] != label[2] && label[0] != label[2]);
    memset(v, 0, sizeof(v)); /* all equal */
    cr_assert_eq(hf_kmeans(label, v, n, 2, k, NULL), HF_OK);
    cr_assert_eq(hf_kmeans(label, v, 2, 2, 3, NULL), HF_EARG);
}
