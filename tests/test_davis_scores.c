/* test_davis_scores.c - our J and F against the official package's on real masks.
 *
 * The true masks of 13 sequences are damaged here by the rules of golden/davis_parity.py; the
 * wanted figures in golden/davis_scores.txt are what the package gave for the same masks.
 * Needs the shared data; without it every sequence is skipped by name.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io/davis.h"
#include "propagate/eval.h"

#define MAX_FRAMES 128
#define MAX_OBJECTS 2
#define N_FIGURES 6

static const char *const sequences[] = { "bmx-bumps",     "bmx-trees",     "boat",      "breakdance-flare",
                                         "dance-jump",    "dog-agility",   "drift-turn", "horsejump-low",
                                         "motorbike",     "rollerblade",   "scooter-gray", "surf",
                                         "tennis" };
#define N_SEQUENCES (sizeof(sequences) / sizeof(sequences[0]))

/* "void-": void pixels of the annotation count as background; "exclude-": they do not count. */
static const char *const labels[] = { "exact",         "empty",      "missing",      "late",
                                      "extra",         "shifted",    "void-shifted", "exclude-shifted",
                                      "noise",         "void-noise", "exclude-noise" };
#define N_LABELS (sizeof(labels) / sizeof(labels[0]))

typedef struct picture {
    int w, h, frame, n_frames, n_objects;
} picture;

/* numpy.roll by (+3, -5) */
static void shift(uint8_t *out, const uint8_t *ids, const picture *p)
{
    for (int y = 0; y < p->h; y++) {
        const uint8_t *row = ids + (y + p->h - 3) % p->h * p->w;
        memcpy(out + y * p->w, row + 5, (size_t)(p->w - 5));
        memcpy(out + y * p->w + p->w - 5, row, 5);
    }
}

/* Remainders are carried along a row: two divisions a pixel would take half of this test's time. */
static void add_noise(uint8_t *out, const picture *p)
{
    for (int y = 0; y < p->h; y++) {
        int one = (int)((104729l * y + 1299709l * p->frame) % 997), none = (2 * y + p->frame) % 61;
        for (int x = 0; x < p->w; x++) {
            if (one == 0)
                out[y * p->w + x] = 1;
            if (none == 0)
                out[y * p->w + x] = 0;
            one += one < 57 ? 940 : -57; /* + 7919 modulo 997 */
            none = none == 60 ? 0 : none + 1;
        }
    }
}

static void damage(uint8_t *out, const char *kind, const uint8_t *ids, const picture *p)
{
    size_t n = (size_t)p->w * (size_t)p->h;

    memcpy(out, ids, n);
    if (strcmp(kind, "shifted") == 0)
        shift(out, ids, p);
    if (strcmp(kind, "empty") == 0 || (strcmp(kind, "late") == 0 && 2 * p->frame >= p->n_frames))
        memset(out, 0, n);
    if (strcmp(kind, "missing") == 0)
        for (size_t i = 0; i < n; i++)
            out[i] = out[i] == p->n_objects ? 0 : out[i];
    if (strcmp(kind, "extra") == 0)
        for (int y = p->h / 8; y < p->h / 3; y++)
            memset(out + y * p->w + p->w / 5, p->n_objects, (size_t)(p->w / 2 - p->w / 5));
    if (strcmp(kind, "noise") == 0)
        add_noise(out, p);
}

/* Blocks of the objects become void: truth without them, and where they are. */
static void add_void(uint8_t *truth, uint8_t *where, const uint8_t *ids, const picture *p)
{
    for (int y = 0; y < p->h; y++)
    for (int x = 0; x < p->w; x++) {
        int i = y * p->w + x;
        where[i] = ids[i] != 0 && (x / 16 + y / 16) % 5 == 0;
        truth[i] = where[i] ? 0 : ids[i];
    }
}

/* [label][object][frame - 1] */
static double J[N_LABELS][MAX_OBJECTS][MAX_FRAMES], F[N_LABELS][MAX_OBJECTS][MAX_FRAMES];

static void score_frame(hf_eval *eval, const uint8_t *ids, const picture *p)
{
    size_t n = (size_t)p->w * (size_t)p->h;
    uint8_t *result = malloc(n), *truth = malloc(n), *where = malloc(n);
    const char *done = "";

    add_void(truth, where, ids, p);
    for (size_t i = 0; i < N_LABELS; i++) {
        const char *dash = strchr(labels[i], '-');
        bool excluded = strncmp(labels[i], "exclude", 7) == 0;
        const char *kind = dash ? dash + 1 : labels[i];
        if (strcmp(kind, done) != 0) /* labels of one kind stand together */
            damage(result, kind, ids, p);
        done = kind;
        for (int k = 0; k < p->n_objects; k++) {
            hf_eval_score s = hf_eval_frame(eval, dash ? truth : ids, result, excluded ? where : NULL, k + 1);
            J[i][k][p->frame - 1] = s.j;
            F[i][k][p->frame - 1] = s.f;
        }
    }
    free(result), free(truth), free(where);
}

/* The ids of a frame; gray 0/255 is object 1. */
static hf_png *read_ids(const hf_davis_sequence *s, int frame, int *largest)
{
    hf_png *png;
    hf_error err = { 0 };

    cr_assert_eq(hf_davis_read(&png, s->folder, s->stems[frame], 0, &err), HF_OK, "%s", err.text);
    uint8_t *ids = png->pixels;
    *largest = 0;
    for (size_t i = 0; i < (size_t)png->width * (size_t)png->height; i++) {
        ids[i] = ids[i] == 255 ? 1 : ids[i];
        *largest = ids[i] > *largest ? ids[i] : *largest;
    }
    return png;
}

static void score_sequence(const hf_davis_sequence *s, int *n_objects)
{
    hf_png *png = read_ids(s, 0, n_objects);
    hf_eval *eval;
    int largest;

    cr_assert(*n_objects <= MAX_OBJECTS && s->n_frames <= MAX_FRAMES);
    cr_assert_eq(hf_eval_new(&eval, png->width, png->height, NULL), HF_OK);
    hf_png_free(&png);
    for (int t = 1; t < s->n_frames - 1; t++) {
        png = read_ids(s, t, &largest);
        score_frame(eval, png->pixels,
                    &(picture){ png->width, png->height, t, s->n_frames, *n_objects });
        hf_png_free(&png);
    }
    hf_eval_free(&eval);
}

static const char *shared_davis(void)
{
    static char path[4096];
    const char *data = getenv("HF_SHARED_DATA");

    snprintf(path, sizeof(path), "%s/davis", data ? data : HF_SOURCE_ROOT "/../shared/data");
    return path;
}

/* One line of the golden: label, sequence, object and six figures. */
static void check_line(const char *line, const char *name, int n_values, int *checked)
{
    char label[32], sequence[64];
    double want[N_FIGURES];
    int id;

    if (line[0] == '#')
        return;
    cr_assert_eq(sscanf(line, "%31s %63s %d %lf %lf %lf %lf %lf %lf", label, sequence, &id, &want[0],
                        &want[1], &want[2], &want[3], &want[4], &want[5]), 9);
    if (strcmp(sequence, name) != 0)
        return;
    size_t i = 0;
    while (i < N_LABELS && strcmp(labels[i], label) != 0)
        i++;
    cr_assert(i < N_LABELS && id >= 1 && id <= MAX_OBJECTS, "%s", line);
    hf_eval_stats j = hf_eval_statistics(J[i][id - 1], n_values);
    hf_eval_stats f = hf_eval_statistics(F[i][id - 1], n_values);
    double got[N_FIGURES] = { j.mean, j.recall, j.decay, f.mean, f.recall, f.decay };
    for (int k = 0; k < N_FIGURES; k++)
        cr_expect_float_eq(got[k], want[k], 1e-9, "%s %s object %d figure %d: %.17g, want %.17g", label,
                           name, id, k, got[k], want[k]);
    ++*checked;
}

ParameterizedTestParameters(davis_scores, figures_equal_the_official_package)
{
    static int numbers[N_SEQUENCES];
    for (size_t i = 0; i < N_SEQUENCES; i++)
        numbers[i] = (int)i;
    return cr_make_param_array(int, numbers, N_SEQUENCES);
}

ParameterizedTest(int *number, davis_scores, figures_equal_the_official_package)
{
    const char *name = sequences[*number];
    char line[512];
    int n_objects, checked = 0;
    hf_davis *davis;

#ifdef __SANITIZE_ADDRESS__
    /* Twenty times slower: the shortest one and the one with two objects see every branch. */
    if (strcmp(name, "dog-agility") != 0 && strcmp(name, "bmx-trees") != 0)
        return;
#endif
    if (hf_davis_open(&davis, shared_davis(), &(hf_davis_params){ .sequences = name }, NULL) < 0)
        cr_skip_test("davis_scores %s: 1 of %d sequences skipped, no shared data", name, (int)N_SEQUENCES);
    score_sequence(&davis->sequences[0], &n_objects);

    FILE *golden = fopen(HF_SOURCE_ROOT "/tests/golden/davis_scores.txt", "r");
    cr_assert_not_null(golden);
    while (fgets(line, sizeof(line), golden))
        check_line(line, name, davis->sequences[0].n_frames - 2, &checked);
    fclose(golden);
    cr_assert_eq(checked, (int)N_LABELS * n_objects);
    hf_davis_close(&davis);
}
