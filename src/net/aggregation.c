/* aggregation.c - see aggregation.h. */
#include "src/net/aggregation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/net/pass.h"

#define EPSILON 1e-5f

typedef struct bottleneck {
    int       c_in;
    hf_linear conv1, conv3, shortcut; /* shortcut.weight NULL: x itself */
    hf_conv   conv2;
    hf_norm   norm1, norm2, norm3, norm_shortcut;
} bottleneck;

struct hf_aggregation {
    hf_backend *be;
    hf_layers  *layers;
    hf_arena   *scratch;
    int         n_layers, n_steps, n_groups;
    int         n_middle, D;
    int         N, h, w;
    bool        is_empty; /* the sum has not begun */
    float      *mixing; /* [n_steps,n_layers], after the softmax */
    bottleneck  layer[HF_AGGREGATION_MAX_LAYERS];
};

/* The first two dimensions of an array. */
static int read_sizes(int64_t *n_out, int64_t *n_in, const hf_weights *w, const char *name, hf_error *err)
{
    int64_t shape[HF_ENTRY_MAX_DIMS];
    int n_dims, rc;

    if ((rc = hf_weights_shape(w, name, &n_dims, shape, err)) < 0)
        return rc;
    if (n_dims < 2 || shape[0] < 1 || shape[1] < 1 || shape[0] > 1 << 20 || shape[1] > 1 << 20)
        return hf_fail(err, HF_EMODEL, "%s: array \"%s\" has %d dimensions, want 2 or more of 1..1048576",
                       hf_tensor_file_path(hf_weights_file(w)), name, n_dims);
    *n_out = shape[0], *n_in = shape[1];
    return HF_OK;
}

/* n_layers, channels, D, from the shapes. */
static int read_shapes(hf_aggregation *a, const hf_weights *w, const char *prefix, hf_error *err)
{
    char name[160];
    int64_t n_out, n_in;
    int rc;

    for (a->n_layers = 0; a->n_layers < HF_AGGREGATION_MAX_LAYERS; a->n_layers++) {
        snprintf(name, sizeof(name), "%sbottleneck_layers.%d.0.conv1.weight", prefix, a->n_layers);
        if (a->n_layers > 0 && !hf_weights_has(w, name))
            break;
        if ((rc = read_sizes(&n_out, &n_in, w, name, err)) < 0)
            return rc;
        if (a->n_layers == 0)
            a->n_middle = (int)n_out;
        a->layer[a->n_layers].c_in = (int)n_in;
    }
    snprintf(name, sizeof(name), "%sbottleneck_layers.0.0.conv3.weight", prefix);
    if ((rc = read_sizes(&n_out, &n_in, w, name, err)) < 0)
        return rc;
    a->D = (int)n_out;
    if (a->D % a->n_groups || a->n_middle % a->n_groups)
        return hf_fail(err, HF_EMODEL, "%s: aggregation: %d and %d channels, want multiples of the %d groups",
                       hf_tensor_file_path(hf_weights_file(w)), a->n_middle, a->D, a->n_groups);
    return HF_OK;
}

static void load_layer(bottleneck *b, const hf_aggregation *a, hf_layers *l, const char *prefix, int i)
{
    char name[128];

    snprintf(name, sizeof(name), "%sbottleneck_layers.%d.0", prefix, i);
    hf_layers_linear(l, &b->conv1, a->n_middle, b->c_in, false, "%s.conv1", name);
    hf_layers_norm(l, &b->norm1, a->n_middle, "%s.conv1.norm", name);
    hf_layers_conv(l, &b->conv2, a->n_middle, a->n_middle, 3, 1, false, "%s.conv2", name);
    hf_layers_norm(l, &b->norm2, a->n_middle, "%s.conv2.norm", name);
    hf_layers_linear(l, &b->conv3, a->D, a->n_middle, false, "%s.conv3", name);
    hf_layers_norm(l, &b->norm3, a->D, "%s.conv3.norm", name);
    if (b->c_in == a->D)
        return;
    hf_layers_linear(l, &b->shortcut, a->D, b->c_in, false, "%s.shortcut", name);
    hf_layers_norm(l, &b->norm_shortcut, a->D, "%s.shortcut.norm", name);
}

static void softmax(float *x, int n)
{
    double sum = 0;
    float top = x[0];
    for (int i = 1; i < n; i++)
        top = x[i] > top ? x[i] : top;
    for (int i = 0; i < n; i++)
        sum += x[i] = expf(x[i] - top);
    for (int i = 0; i < n; i++)
        x[i] = (float)(x[i] / sum);
}

static int read_mixing(hf_aggregation *a, const hf_weights *w, const char *prefix, hf_error *err)
{
    const char *path = hf_tensor_file_path(hf_weights_file(w));
    char name[96];
    int64_t shape[HF_ENTRY_MAX_DIMS];
    int n_dims, rc;

    snprintf(name, sizeof(name), "%smixing_weights", prefix);
    if ((rc = hf_weights_shape(w, name, &n_dims, shape, err)) < 0)
        return rc;
    if (n_dims != 1 || shape[0] < 1 || shape[0] % a->n_layers || shape[0] / a->n_layers > HF_AGGREGATION_MAX_STEPS)
        return hf_fail(err, HF_EMODEL, "%s: %s has %lld numbers, want a multiple of the %d layers", path, name,
                       n_dims ? (long long)shape[0] : 1LL, a->n_layers);
    a->n_steps = (int)(shape[0] / a->n_layers);
    hf_tensor host = hf_tensor_view(NULL, HF_F32, 1, shape[0]);
    if (!(a->mixing = host.data = malloc(hf_tensor_bytes(&host))))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    if ((rc = hf_weights_read(w, &host, name, err)) < 0)
        return rc;
    softmax(a->mixing, (int)shape[0]);
    return HF_OK;
}

int hf_aggregation_open(hf_aggregation **out, hf_backend *be, const hf_weights *weights, const char *prefix,
                        int n_groups, hf_dtype arithmetic, hf_error *err)
{
    hf_aggregation *a = calloc(1, sizeof(*a));
    int rc;

    *out = NULL;
    if (!a)
        return hf_fail(err, HF_ENOMEM, "aggregation: out of memory");
    a->be = be, a->n_groups = n_groups;
    if ((rc = read_shapes(a, weights, prefix, err)) < 0 || (rc = read_mixing(a, weights, prefix, err)) < 0 ||
        (rc = hf_layers_new(&a->layers, be, weights, arithmetic, err)) < 0)
        goto end;
    for (int i = 0; i < a->n_layers; i++)
        load_layer(&a->layer[i], a, a->layers, prefix, i);
    if ((rc = hf_layers_status(a->layers, err)) < 0)
        goto end;
    *out = a;
    a = NULL;
end:
    hf_aggregation_close(&a);
    return rc;
}

void hf_aggregation_close(hf_aggregation **net)
{
    if (!net || !*net)
        return;
    hf_arena_free(&(*net)->scratch);
    hf_layers_free(&(*net)->layers);
    free((*net)->mixing);
    free(*net);
    *net = NULL;
}

int hf_aggregation_n_layers(const hf_aggregation *a) { return a->n_layers; }
int hf_aggregation_n_steps(const hf_aggregation *a) { return a->n_steps; }
int hf_aggregation_channels(const hf_aggregation *a, int layer) { return a->layer[layer].c_in; }
int hf_aggregation_n_features(const hf_aggregation *a) { return a->D; }
int64_t hf_aggregation_weight_bytes(const hf_aggregation *a) { return hf_layers_bytes(a->layers); }

float hf_aggregation_mixing(const hf_aggregation *a, int step, int layer)
{
    return a->mixing[step * a->n_layers + layer];
}

/* out [N,h,w,C] = l(x) on the grid: the 1x1 convolution on x's own cells, then the resize. small: scratch. */
static void project(hf_pass *p, const hf_tensor *out, const hf_tensor *x, const hf_linear *l)
{
    if (x->shape[1] == out->shape[1] && x->shape[2] == out->shape[2]) {
        hf_pass_linear(p, out, x, l, NULL, HF_ACT_NONE);
        return;
    }
    size_t mark = hf_arena_mark(p->arena);
    hf_tensor small = hf_pass_take_like(p, x, out->shape[3]);
    hf_pass_linear(p, &small, x, l, NULL, HF_ACT_NONE);
    hf_pass_resize(p, out, &small, HF_RESIZE_BILINEAR);
    hf_arena_rewind(p->arena, mark);
}

/* wide [N,h,w,D] = the residual: gn(shortcut(x)), or x where it has D channels. */
static void run_shortcut(hf_pass *p, const hf_aggregation *a, const bottleneck *b, const hf_tensor *wide, const hf_tensor *x)
{
    if (b->c_in == a->D) {
        hf_pass_resize(p, wide, x, HF_RESIZE_BILINEAR);
        return;
    }
    project(p, wide, x, &b->shortcut);
    hf_pass_group_norm(p, wide, wide, &b->norm_shortcut, &(hf_group_norm_params){ a->n_groups, EPSILON, HF_ACT_NONE });
}

static void run_layer(hf_pass *p, const hf_aggregation *a, const bottleneck *b, const hf_tensor *out, const hf_tensor *x,
                      float weight)
{
    hf_tensor middle = hf_pass_take(p, HF_F32, 4, a->N, a->h, a->w, a->n_middle);
    hf_tensor next = hf_pass_take(p, HF_F32, 4, a->N, a->h, a->w, a->n_middle);
    hf_tensor wide = hf_pass_take(p, HF_F32, 4, a->N, a->h, a->w, a->D);
    hf_tensor residual = hf_pass_take(p, HF_F32, 4, a->N, a->h, a->w, a->D);

    project(p, &middle, x, &b->conv1);
    hf_pass_group_norm(p, &middle, &middle, &b->norm1, &(hf_group_norm_params){ a->n_groups, EPSILON, HF_ACT_RELU });
    hf_pass_conv(p, &next, &middle, &b->conv2, NULL, HF_ACT_NONE);
    hf_pass_group_norm(p, &next, &next, &b->norm2, &(hf_group_norm_params){ a->n_groups, EPSILON, HF_ACT_RELU });
    hf_pass_linear(p, &wide, &next, &b->conv3, NULL, HF_ACT_NONE);
    hf_pass_group_norm(p, &wide, &wide, &b->norm3, &(hf_group_norm_params){ a->n_groups, EPSILON, HF_ACT_NONE });
    run_shortcut(p, a, b, &residual, x);
    hf_pass_add(p, &wide, &wide, &residual, 1, 1);
    hf_pass_activate(p, &wide, HF_ACT_RELU);
    if (a->is_empty)
        hf_pass_add(p, out, &wide, &wide, weight, 0);
    else
        hf_pass_add(p, out, out, &wide, 1, weight);
}

/* The most any map takes: one that is as large as the grid but not of its shape. */
static int plan(const hf_aggregation *a, hf_arena *arena, hf_error *err)
{
    hf_pass p = { .be = a->be, .arena = arena, .err = err };
    hf_tensor out = hf_tensor_view(NULL, HF_F32, 4, a->N, a->h, a->w, a->D);
    hf_tensor map = hf_tensor_view(NULL, HF_F32, 4, a->N, (int64_t)a->h * a->w, 1, a->D + 1);
    run_layer(&p, a, &a->layer[0], &out, &map, 1);
    return p.rc;
}

int hf_aggregation_prepare(hf_aggregation *a, int N, int h, int w, hf_error *err)
{
    int rc;

    if (a->scratch && a->N == N && a->h == h && a->w == w)
        return HF_OK;
    hf_arena_free(&a->scratch);
    a->N = N, a->h = h, a->w = w;
    if ((rc = hf_arena_new(&a->scratch, a->be, "aggregation scratch", err)) < 0 ||
        (rc = plan(a, a->scratch, err)) < 0 || (rc = hf_arena_seal(a->scratch, 0, err)) < 0)
        hf_arena_free(&a->scratch);
    return rc;
}

int64_t hf_aggregation_scratch_bytes(const hf_aggregation *a, int N, int h, int w)
{
    hf_aggregation at = *a;
    hf_arena *arena = NULL;
    int64_t bytes = 0;

    at.N = N, at.h = h, at.w = w;
    if (hf_arena_new(&arena, a->be, "aggregation scratch", NULL) == HF_OK && plan(&at, arena, NULL) == HF_OK)
        bytes = (int64_t)hf_arena_peak(arena);
    hf_arena_free(&arena);
    return bytes;
}

void hf_aggregation_begin(hf_aggregation *a) { a->is_empty = true; }

int hf_aggregation_add(hf_aggregation *a, const hf_tensor *out, const hf_tensor *map, int step, int layer, hf_error *err)
{
    hf_pass p = { .be = a->be, .arena = a->scratch, .err = err };
    hf_arena_reset(a->scratch);
    run_layer(&p, a, &a->layer[layer], out, map, hf_aggregation_mixing(a, step, layer));
    a->is_empty = false;
    return p.rc;
}
