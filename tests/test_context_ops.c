/* The steps of propagate/context_ops.h on every backend against ref. A GPU, or its emulation, is tested where
 * the module opens; else those tests are skipped by name.
 *
 * Numbers that are whole must agree to the last bit. Labels may differ by 1e-4 and coordinates by 1e-2 px, for exp
 * and its like differ in the last bit between a host and a GPU. Decisions between near equals may turn over from
 * that: one cell in a hundred may differ by more. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/context.h"
#include "propagate/context_ops.h"
#include "propagate/match_context.h"
#include "propagate/refine.h"

enum { W = 101, H = 70, S = 8, D = 30, L = 3 }; /* no size is a multiple of anything */

static void close_backends(hf_backend *be[2])
{
    hf_backend_close(&be[0]);
    hf_backend_close(&be[1]);
}

/* ref, and the backend under test. */
static void open_backends(hf_backend *be[2])
{
    hf_error err = { 0 };
    cr_assert_eq(hf_backend_open(&be[0], "ref", 1, NULL), HF_OK);
    if (hf_backend_open(&be[1], "cuda", 1, &err) < 0) {
        hf_backend_close(&be[0]);
        cr_skip_test("cuda cannot be opened: %s", err.text);
    }
}

static void *put(hf_backend *be, const void *host, size_t bytes)
{
    void *data = be->ops.alloc(be, bytes ? bytes : 1);
    cr_assert(data);
    hf_tensor t = hf_tensor_view(data, HF_U8, 1, (int64_t)bytes);
    if (host)
        cr_assert_eq(be->ops.write(be, &t, host, NULL), HF_OK);
    cr_assert_eq(be->ops.sync(be, NULL), HF_OK);
    return data;
}

static void get(hf_backend *be, void *host, const void *data, size_t bytes)
{
    hf_tensor t = hf_tensor_view((void *)data, HF_U8, 1, (int64_t)bytes);
    cr_assert_eq(be->ops.read(be, host, &t, NULL), HF_OK);
    cr_assert_eq(be->ops.sync(be, NULL), HF_OK);
}

/* A textured ground, and two textured objects that move over it, by parts of a pixel. */
static uint8_t texture(float x, float y, int what)
{
    float a = what == 0 ? 0.71f : what == 1 ? 0.43f : 0.97f;
    return (uint8_t)(128 + 45 * sinf(a * x + 0.33f * y) + 40 * cosf(0.52f * y - a * 0.6f * x) + 20 * sinf(0.013f * x * y));
}

static int object_at(int x, int y, float t)
{
    float u = (float)x - 1.7f * t;
    if (u >= 20 && u < 52 && y >= 14 && y < 50)
        return 1;
    return x >= 66 && x < 90 && (float)y + t >= 30 && (float)y + t < 60 ? 2 : 0;
}

static void draw(uint8_t *rgb, uint8_t *ids, float t)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            int what = object_at(x, y, t);
            float u = what == 1 ? (float)x - 1.7f * t : (float)x, v = what == 2 ? (float)y + t : (float)y;
            for (int c = 0; c < 3; c++)
                rgb[3 * (y * W + x) + c] = (uint8_t)(texture(u, v, what) / (c + 1) + 20 * what);
            if (ids)
                ids[y * W + x] = (uint8_t)what;
        }
}

/* A model of one kind of feature: the mean colours of the parts of a cell. Made on the host, whatever the backend is. */
static int prepare(hf_model *m, int width, int height, hf_error *err)
{
    (void)m, (void)width, (void)height, (void)err;
    return HF_OK;
}

static int extract(hf_model *m, hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    static uint8_t picture[W * H * 3];
    int h = (int)features->shape[0], w = (int)features->shape[1];
    float *f = calloc((size_t)h * w, D * sizeof(float));
    (void)err;
    get(m->backend, picture, rgb->data, sizeof(picture));
    for (int cell = 0; cell < h * w; cell++) {
        float sum = 0;
        for (int d = 0; d < D; d++) {
            int y = cell / w * S + d / 3 * 5 % S, x = cell % w * S + d / 3 * 3 % S;
            y = y < H ? y : H - 1, x = x < W ? x : W - 1;
            float v = (float)picture[3 * (y * W + x) + d % 3] - 90;
            f[cell * D + d] = v, sum += v * v;
        }
        for (int d = 0; d < D; d++)
            f[cell * D + d] /= sqrtf(sum);
    }
    cr_assert_eq(m->backend->ops.write(m->backend, features, f, NULL), HF_OK);
    cr_assert_eq(m->backend->ops.sync(m->backend, NULL), HF_OK);
    free(f);
    return HF_OK;
}

static hf_model model_of(hf_backend *be)
{
    return (hf_model){ .name = "test", .backend = be, .stride_px = S, .n_channels = D, .prepare = prepare,
                       .extract = extract };
}

typedef struct rig {
    hf_model    model;
    hf_context *context;
    hf_cells   *cells, *host;
} rig;

static void open_rig(rig *r, hf_backend *be, const uint8_t *rgb, const uint8_t *ids)
{
    hf_context_params p = { .n_recent = 3, .k = 5, .radius_cells = 2, .drawn_radius_cells = 4, .temperature = 0.1f };
    int h, w, stride;
    r->model = model_of(be);
    cr_assert_eq(hf_context_open(&r->context, &r->model, W, H, &p, NULL), HF_OK);
    hf_context_cells_shape(r->context, &h, &w, &stride);
    cr_assert_eq(hf_cells_new_on(&r->cells, be, h, w, stride, L, NULL), HF_OK);
    cr_assert_eq(hf_cells_new(&r->host, h, w, stride, L, NULL), HF_OK);
    cr_assert_eq(hf_context_seed(r->context, rgb, ids, L, NULL), HF_OK);
}

static void close_rig(rig *r, hf_backend *be)
{
    hf_context_close(&r->context);
    hf_cells_free_on(be, &r->cells);
    hf_cells_free(&r->host);
}

static void expect_near(const hf_cells *a, const hf_cells *b, int t)
{
    int n = a->h * a->w, strange = 0;
    for (int i = 0; i < n; i++) {
        float off = 0;
        for (int l = 0; l < L; l++)
            off = fmaxf(off, fabsf(a->labels[i * L + l] - b->labels[i * L + l]) * 100);
        off = fmaxf(off, fabsf(a->xy[2 * i] - b->xy[2 * i]));
        off = fmaxf(off, fabsf(a->xy[2 * i + 1] - b->xy[2 * i + 1]));
        strange += !(off <= 1e-2f);
        cr_assert_float_eq(a->similarity[i], b->similarity[i], 1e-6, "frame %d: similarity of cell %d", t, i);
    }
    cr_assert_leq(strange, n / 100, "frame %d: %d of %d cells differ", t, strange, n);
}

static void step(rig r[2], hf_backend *be[2], int t)
{
    static uint8_t rgb[W * H * 3];
    draw(rgb, NULL, (float)t);
    for (int b = 0; b < 2; b++) {
        cr_assert_eq(hf_context_step(r[b].context, r[b].cells, rgb, NULL), HF_OK);
        cr_assert_eq(hf_cells_to_host(r[b].host, be[b], r[b].cells, NULL), HF_OK);
    }
    expect_near(r[0].host, r[1].host, t);
}

/* More frames than are kept as references, so that the ring turns over. */
Test(context_ops, a_frame_is_followed_as_on_ref)
{
    static uint8_t rgb[W * H * 3], ids[W * H];
    hf_backend *be[2];
    rig r[2];
    open_backends(be);
    draw(rgb, ids, 0);
    for (int b = 0; b < 2; b++)
        open_rig(&r[b], be[b], rgb, ids);
    for (int t = 1; t < 7; t++)
        step(r, be, t);
    for (int b = 0; b < 2; b++)
        close_rig(&r[b], be[b]);
    close_backends(be);
}

/* Saved on one backend, gone on with on the other. */
Test(context_ops, a_saved_state_is_the_same_on_every_backend)
{
    static uint8_t rgb[W * H * 3], ids[W * H];
    hf_backend *be[2];
    rig r[2];
    FILE *file = tmpfile();
    open_backends(be);
    draw(rgb, ids, 0);
    for (int b = 0; b < 2; b++)
        open_rig(&r[b], be[b], rgb, ids);
    for (int t = 1; t < 3; t++)
        step(r, be, t);
    cr_assert_eq(hf_context_save(r[0].context, file, "state", NULL), HF_OK);
    rewind(file);
    cr_assert_eq(hf_context_seed(r[1].context, rgb, ids, L, NULL), HF_OK);
    cr_assert_eq(hf_context_load(r[1].context, file, "state", NULL), HF_OK);
    step(r, be, 3);
    fclose(file);
    for (int b = 0; b < 2; b++)
        close_rig(&r[b], be[b]);
    close_backends(be);
}

/* Random bytes in steps that make ties; windows that leave the map; lists of more references. */
static void match_lists(hf_backend *be, int32_t *index, float *similarity, int h, int w, int P, int k, int radius)
{
    size_t n = (size_t)h * w, slots = n * (size_t)k;
    int tiles = (w + HF_MATCH_TILE - 1) / HF_MATCH_TILE;
    uint8_t *target = malloc(n * P), *packed = malloc(n * P);
    int32_t *shift = malloc((size_t)h * tiles * 2 * sizeof(*shift));
    srand(5);
    for (int i = 0; i < h * tiles * 2; i++)
        shift[i] = i % 7 ? rand() % 9 - 4 : 100;
    hf_match_context_clear(index, similarity, (int64_t)slots);
    void *di = put(be, index, slots * 4), *ds = put(be, similarity, slots * 4), *dm = put(be, shift, (size_t)h * tiles * 8);
    hf_tensor ti = hf_tensor_view(di, HF_I32, 3, h, w, k), ts = hf_tensor_view(ds, HF_F32, 3, h, w, k);
    hf_tensor tm = hf_tensor_view(dm, HF_I32, 3, h, tiles, 2);
    for (int r = 0; r < 2; r++) {
        for (size_t i = 0; i < n * (size_t)P; i++)
            target[i] = (uint8_t)(r ? 120 + rand() % 16 : rand() % 255 + 1), packed[i] = (uint8_t)(r ? 120 + rand() % 16 : rand() % 255 + 1);
        void *dt = put(be, target, n * P), *dp = put(be, packed, n * P), *dr = put(be, NULL, n * P);
        hf_tensor tt = hf_tensor_view(dt, HF_U8, 3, h, w, P), tp = hf_tensor_view(dp, HF_U8, 3, h, w, P);
        hf_tensor tr = hf_tensor_view(dr, HF_U8, 4, h, P / 4, w, 4);
        hf_match_context_params p = { .k = k, .radius_cells = radius, .reference = 3 * r };
        cr_assert_eq(be->ops.context->pack(be, &tr, &tp, NULL), HF_OK);
        cr_assert_eq(be->ops.match_context(be, &ti, &ts, &tt, &tr, r ? &tm : NULL, &p, NULL), HF_OK);
        cr_assert_eq(be->ops.sync(be, NULL), HF_OK);
        be->ops.free(be, dt), be->ops.free(be, dp), be->ops.free(be, dr);
    }
    get(be, index, di, slots * 4);
    get(be, similarity, ds, slots * 4);
    be->ops.free(be, di), be->ops.free(be, ds), be->ops.free(be, dm);
    free(target), free(packed), free(shift);
}

Test(context_ops, lists_of_matches_are_those_of_ref_to_the_last_bit)
{
    static const int cases[][5] = { /* h, w, P, k, radius */
        { 9, 19, 36, 5, 3 }, { 1, 1, 4, 1, 0 }, { 5, 33, 384, 10, 4 }, { 7, 8, 64, 32, 20 }, { 12, 40, 12, 1, 9 },
    };
    hf_backend *be[2];
    open_backends(be);
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        const int *s = cases[c];
        size_t n = (size_t)s[0] * s[1] * s[3];
        int32_t *index[2];
        float *similarity[2];
        for (int b = 0; b < 2; b++) {
            index[b] = malloc(n * 4), similarity[b] = malloc(n * 4);
            match_lists(be[b], index[b], similarity[b], s[0], s[1], s[2], s[3], s[4]);
        }
        for (size_t i = 0; i < n; i++) {
            cr_assert_eq(index[0][i], index[1][i], "case %zu: slot %zu is %d, want %d", c, i, index[1][i], index[0][i]);
            cr_assert_eq(similarity[0][i], similarity[1][i], "case %zu: similarity of slot %zu", c, i);
        }
        for (int b = 0; b < 2; b++)
            free(index[b]), free(similarity[b]);
    }
    close_backends(be);
}

typedef struct field {
    float   soft[L * W * H], xy[2 * W * H], cover[W * H];
    uint8_t ids[W * H], alpha[W * H], mattes[(L - 1) * W * H];
} field;

/* The cells of a frame of the clip, half right. */
static hf_cells *make_cells(int stride)
{
    hf_cells *c;
    cr_assert_eq(hf_cells_new(&c, (H + stride - 1) / stride, (W + stride - 1) / stride, stride, L, NULL), HF_OK);
    srand(9);
    for (int i = 0; i < c->h * c->w; i++) {
        int x = i % c->w * stride + stride / 2, y = i / c->w * stride + stride / 2, label = object_at(x, y, 2);
        for (int l = 0; l < L; l++)
            c->labels[i * L + l] = l == label ? 0.8f : 0.1f;
        c->xy[2 * i] = (float)x - 0.5f - (label == 1 ? 3.4f : 0) + 0.01f * (float)(rand() % 100);
        c->xy[2 * i + 1] = (float)y - 0.5f + (label == 2 ? 2 : 0) + (i % 5 ? 0.01f * (float)(rand() % 100) : 6);
        c->similarity[i] = 1;
    }
    return c;
}

static void refine(field *f, hf_backend *be, const hf_cells *host, int edges, bool wants_xy)
{
    static uint8_t rgb[W * H * 3], drawn_rgb[W * H * 3], drawn_ids[W * H];
    static uint8_t id_of[HF_MAX_LABELS] = { 0, 7, 200 };
    const hf_context_ops *ops = be->ops.context;
    hf_refine_params p = HF_REFINE_DEFAULTS;
    hf_refine *r;
    hf_cells *cells;
    p.edges = edges;
    draw(drawn_rgb, drawn_ids, 0);
    draw(rgb, NULL, 2);
    cr_assert_eq(hf_cells_new_on(&cells, be, host->h, host->w, host->stride_px, L, NULL), HF_OK);
    cr_assert_eq(hf_cells_from_host(cells, be, host, NULL), HF_OK);
    void *pictures[3] = { put(be, rgb, sizeof(rgb)), put(be, drawn_rgb, sizeof(drawn_rgb)), put(be, drawn_ids, sizeof(drawn_ids)) };
    hf_drawn drawn = { .rgb = pictures[1], .ids = pictures[2] };
    float *soft = put(be, NULL, sizeof(f->soft)), *xy = put(be, NULL, sizeof(f->xy)), *cover = put(be, NULL, sizeof(f->cover));
    hf_decision d = { put(be, NULL, sizeof(f->ids)), put(be, NULL, sizeof(f->alpha)), put(be, NULL, sizeof(f->mattes)) };
    cr_assert_eq(ops->refine_new(be, &r, W, H, L, &p, NULL), HF_OK);
    cr_assert_eq(ops->refine_run(be, r, soft, wants_xy ? xy : NULL, cover, cells, pictures[0], &drawn, NULL), HF_OK);
    cr_assert_eq(ops->decide(be, &d, soft, (int64_t)W * H, L, L - 1, id_of, NULL), HF_OK);
    get(be, f->soft, soft, sizeof(f->soft));
    get(be, f->xy, xy, sizeof(f->xy));
    get(be, f->cover, cover, sizeof(f->cover));
    get(be, f->ids, d.ids, sizeof(f->ids));
    get(be, f->alpha, d.alpha, sizeof(f->alpha));
    get(be, f->mattes, d.soft, sizeof(f->mattes));
    ops->refine_free(be, &r);
    hf_cells_free_on(be, &cells);
    void *const all[] = { pictures[0], pictures[1], pictures[2], soft, xy, cover, d.ids, d.alpha, d.soft };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        be->ops.free(be, all[i]);
}

static float worst_of(const float *a, const float *b, int n)
{
    float worst = 0;
    for (int i = 0; i < n; i++)
        worst = fmaxf(worst, fabsf(a[i] - b[i]));
    return worst;
}

static int differing(const uint8_t *a, const uint8_t *b, int n, int tolerance)
{
    int count = 0;
    for (int i = 0; i < n; i++)
        count += abs(a[i] - b[i]) > tolerance;
    return count;
}

static void compare_refined(int stride, int edges, bool wants_xy)
{
    static field f[2];
    hf_backend *be[2];
    hf_cells *cells = make_cells(stride);
    open_backends(be);
    for (int b = 0; b < 2; b++) {
        memset(&f[b], 0, sizeof(f[b]));
        refine(&f[b], be[b], cells, edges, wants_xy);
    }
    cr_assert_leq(worst_of(f[0].soft, f[1].soft, L * W * H), 1e-4, "soft labels");
    cr_assert_leq(worst_of(f[0].xy, f[1].xy, 2 * W * H), 1e-2, "coordinates");
    cr_assert_leq(worst_of(f[0].cover, f[1].cover, W * H), 1e-4, "cover");
    cr_assert_leq(differing(f[0].ids, f[1].ids, W * H, 0), W * H / 1000, "ids");
    cr_assert_eq(differing(f[0].alpha, f[1].alpha, W * H, 1), 0, "alpha");
    cr_assert_eq(differing(f[0].mattes, f[1].mattes, (L - 1) * W * H, 1), 0, "mattes");
    hf_cells_free(&cells);
    close_backends(be);
}

Test(context_ops, joined_cells_are_refined_as_on_ref) { compare_refined(4, 1, true); }
Test(context_ops, coarse_cells_are_refined_as_on_ref) { compare_refined(16, 1, true); }
Test(context_ops, cells_are_refined_without_edges_and_coordinates_as_on_ref) { compare_refined(2, 0, false); }

Test(context_ops, pictures_are_scaled_as_on_ref)
{
    static uint8_t rgb[W * H * 3], out[2][4 * W * H * 3];
    static const hf_scaling cases[] = {
        { W, H, (W + 2) / 3, (H + 2) / 3, 3, 1 }, { W, H, 2 * W, 2 * H, 1, 2 }, { W, H, (W + 1) / 2, (H + 1) / 2, 2, 1 },
    };
    hf_backend *be[2];
    open_backends(be);
    draw(rgb, NULL, 0);
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        size_t bytes = (size_t)cases[c].work_width * cases[c].work_height * 3;
        for (int b = 0; b < 2; b++) {
            uint8_t *from = put(be[b], rgb, sizeof(rgb)), *to = put(be[b], NULL, bytes);
            cr_assert_eq(be[b]->ops.context->scale(be[b], to, from, &cases[c], NULL), HF_OK);
            get(be[b], out[b], to, bytes);
            be[b]->ops.free(be[b], from), be[b]->ops.free(be[b], to);
        }
        cr_assert_arr_eq(out[0], out[1], bytes, "case %zu", c);
    }
    close_backends(be);
}
