/* davis_quality.c - J of one sequence of raw frames, and the CPU time of each stage.
 *
 *     davis_quality FOLDER NAME [setting=value ...]
 *
 * FOLDER/NAME.rgb holds frames of 854 x 480 in rgb24, FOLDER/NAME.gt the true masks in gray: every gray value
 * of the first one is an object. The mean J is over objects and over frames 2 to n-1, as DAVIS
 * counts. davis_quality.sh makes the files and runs many sequences.
 *
 * The features are those of model=NAME (weights=FILE), or of files: features=FOLDER (feature_files.h).
 *
 * Prints: name, J, "step" ms "refine" ms of CPU time a frame on one thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "propagate/context.h"
#include "propagate/context_ops.h"
#include "propagate/fine_cell.h"
#include "propagate/refine.h"
#include "tests/bench/feature_files.h"

enum { W = 854, H = 480, N = W * H };

typedef struct settings {
    hf_context_params context;
    hf_refine_params  refine;
    const char       *model, *weights;
    hf_precision      precision;
    const char       *features; /* folder of NAME/%05d.npy in place of a model */
    int               no_fine; /* 1: fine cells take their cell's word, for measuring what their own vote is worth */
    int               verbose; /* J of each frame */
} settings;

/* Everything a run holds; the process ends soon after, so nothing is freed on failure. */
typedef struct run {
    FILE       *rgb_file, *truth_file;
    uint8_t    *rgb, *truth, *first, *ids;
    float      *soft, *xy, *cover;
    uint8_t     id_of[256]; /* gray value to label */
    int         L;
    hf_backend *backend;
    hf_model   *model;
    hf_context *context;
    hf_refine  *refine;
    hf_cells   *cells;
} run;

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fail(const char *text)
{
    fprintf(stderr, "davis_quality: %s\n", text);
    exit(1);
}

static void set(settings *s, const char *text)
{
    const char *value = strchr(text, '=');
    size_t n = value ? (size_t)(value - text) : 0;
#define IS(name) (n == sizeof(name) - 1 && memcmp(text, name, n) == 0)
    if (IS("n_recent"))
        s->context.n_recent = atoi(value + 1);
    else if (IS("k"))
        s->context.k = atoi(value + 1);
    else if (IS("radius"))
        s->context.radius_cells = atoi(value + 1);
    else if (IS("drawn_radius"))
        s->context.drawn_radius_cells = atoi(value + 1);
    else if (IS("anchor"))
        s->context.no_anchor = !atoi(value + 1);
    else if (IS("fine"))
        s->no_fine = !atoi(value + 1);
    else if (IS("temperature"))
        s->context.temperature = (float)atof(value + 1);
    else if (IS("edges"))
        s->refine.edges = atoi(value + 1);
    else if (IS("edge_radius"))
        s->refine.radius_px = atoi(value + 1);
    else if (IS("edge_epsilon"))
        s->refine.epsilon = (float)atof(value + 1);
    else if (IS("verbose"))
        s->verbose = atoi(value + 1);
    else if (IS("model"))
        s->model = value + 1;
    else if (IS("weights"))
        s->weights = value + 1;
    else if (IS("precision"))
        s->precision = strcmp(value + 1, "bf16") == 0 ? HF_PRECISION_BF16 : HF_PRECISION_F32;
    else if (IS("features"))
        s->features = value + 1;
    else
        fail("settings: model weights precision features n_recent k radius drawn_radius anchor fine temperature edges "
             "edge_radius edge_epsilon verbose");
#undef IS
}

static FILE *open_file(const char *folder, const char *name, const char *end)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s.%s", folder, name, end);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail(path);
    return f;
}

static int read_frame(run *r)
{
    return fread(r->rgb, 3, N, r->rgb_file) == N && fread(r->truth, 1, N, r->truth_file) == N;
}

static int open_model(run *r, const settings *s, const char *name, hf_error *err)
{
    if (s->features)
        return feature_files_open(&r->model, r->backend, s->features, name, W, H, err);
    return hf_model_open(&r->model, r->backend, &(hf_model_params){ .name = s->model, .weights = s->weights,
                                                                     .precision = s->precision }, err);
}

/* In place of hf_fine_vote. */
static int parents_word(hf_backend *be, const hf_cells *out, const uint8_t *patches, const hf_fine_matches *matches,
                        const hf_fine_reference *refs, hf_error *err)
{
    (void)be, (void)patches, (void)refs, (void)err;
    for (int y = 0; y < out->h; y++)
        for (int x = 0; x < out->w; x++)
            hf_fine_take_parents_word(out, y, x, matches);
    return HF_OK;
}

static int open_backend(run *r, const settings *s, hf_error *err)
{
    static hf_context_ops changed;
    int rc = hf_backend_open(&r->backend, "cpu", 1, err);
    if (rc == HF_OK && s->no_fine) {
        changed = *r->backend->ops.context;
        changed.fine_vote = parents_word;
        r->backend->ops.context = &changed;
    }
    return rc;
}

static void start(run *r, const settings *s, const char *name)
{
    hf_error err;
    int h, w, stride;
    r->rgb = malloc(3 * N), r->first = malloc(3 * N), r->truth = malloc(N), r->ids = malloc(N);
    r->xy = malloc(2 * N * sizeof(float)), r->cover = malloc(N * sizeof(float));
    if (!r->rgb || !r->first || !r->truth || !r->ids || !r->xy || !r->cover || !read_frame(r))
        fail("no first frame");
    memcpy(r->first, r->rgb, 3 * N);
    int seen[256] = { 0 };
    for (int i = 0; i < N; i++)
        seen[r->truth[i]] = 1;
    r->L = 1;
    for (int v = 1; v < 256; v++)
        r->id_of[v] = (uint8_t)(seen[v] ? r->L++ : 0);
    for (int i = 0; i < N; i++)
        r->ids[i] = r->id_of[r->truth[i]];
    r->soft = malloc((size_t)r->L * N * sizeof(float));
    if (!r->soft || open_backend(r, s, &err) < 0 ||
        open_model(r, s, name, &err) < 0 ||
        hf_context_open(&r->context, r->model, W, H, &s->context, &err) < 0 ||
        hf_refine_open(&r->refine, W, H, r->L, &s->refine, &err) < 0 ||
        hf_context_seed(r->context, r->first, r->ids, r->L, &err) < 0)
        fail(err.text);
    hf_context_cells_shape(r->context, &h, &w, &stride);
    if (hf_cells_new(&r->cells, h, w, stride, r->L, &err) < 0)
        fail(err.text);
}

static double score(const run *r)
{
    int64_t both[256] = { 0 }, either[256] = { 0 };
    double sum = 0;
    for (int i = 0; i < N; i++) {
        int best = 0, truth = r->id_of[r->truth[i]];
        for (int l = 1; l < r->L; l++)
            if (r->soft[(size_t)l * N + i] > r->soft[(size_t)best * N + i])
                best = l;
        both[best] += best == truth;
        either[best]++;
        either[truth] += best != truth;
    }
    for (int l = 1; l < r->L; l++)
        sum += either[l] ? (double)both[l] / (double)either[l] : 1;
    return sum / (r->L > 1 ? r->L - 1 : 1);
}

int main(int argc, char **argv)
{
    settings s = { HF_CONTEXT_DEFAULTS, HF_REFINE_DEFAULTS, .model = "classic" };
    run r = { 0 };
    hf_error err;
    double step = 0, refine = 0, sum = 0, last = 0;
    int n = 0;

    if (argc < 3)
        fail("want: FOLDER NAME [setting=value ...]");
    for (int i = 3; i < argc; i++)
        set(&s, argv[i]);
    r.rgb_file = open_file(argv[1], argv[2], "rgb");
    r.truth_file = open_file(argv[1], argv[2], "gt");
    start(&r, &s, argv[2]);
    hf_drawn drawn = { r.first, r.ids };
    for (; read_frame(&r); n++) {
        double t0 = cpu_seconds();
        if (hf_context_step(r.context, r.cells, r.rgb, &err) < 0)
            fail(err.text);
        double t1 = cpu_seconds();
        if (hf_refine_run(r.refine, r.soft, r.xy, r.cover, r.cells, r.rgb, &drawn, &err) < 0)
            fail(err.text);
        refine += cpu_seconds() - t1;
        step += t1 - t0;
        last = score(&r);
        sum += last;
        if (s.verbose)
            printf("%d %.4f\n", n + 1, last);
    }
    if (n < 2)
        fail("fewer than 3 frames");
    /* The last frame does not count. */
    printf("%-18s %.4f  step %.1f ms refine %.1f ms\n", argv[2], (sum - last) / (n - 1), 1e3 * step / n,
           1e3 * refine / n);
    hf_cells_free(&r.cells);
    hf_refine_close(&r.refine);
    hf_context_close(&r.context);
    hf_model_close(&r.model);
    hf_backend_close(&r.backend);
    return 0;
}
