/* davis_quality.c - J of one sequence of raw frames, and the time of each stage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "propagate/context.h"
#include "propagate/refine.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc < 3) return 2;
    int W = 854, H = 480; size_t n = (size_t)W * H;
    char path[1024]; snprintf(path, sizeof path, "%s/%s.rgb", argv[1], argv[2]);
    FILE *f = fopen(path, "rb"); snprintf(path, sizeof path, "%s/%s.gt", argv[1], argv[2]); FILE *g = fopen(path, "rb");
    uint8_t *rgb = malloc(n * 3), *gt = malloc(n), *first = malloc(n * 3), *ids = malloc(n);
    hf_error err = {0};
    hf_backend *be; hf_model *model; hf_context *ctx; hf_refine *ref; hf_cells *cells;
    hf_context_params p = { .n_recent = 7, .k = 5, .radius_cells = 12, .drawn_radius_cells = 22, .temperature = 0.1f };
    hf_refine_params rp = { 1, 8, 1e-3f };
    if (hf_backend_open(&be, "cpu", (int)1, &err) < 0 || hf_model_open(&model, be, "classic", &err) < 0 ||
        hf_context_open(&ctx, model, W, H, &p, &err) < 0 || hf_refine_open(&ref, W, H, 8, &rp, &err) < 0) { fprintf(stderr, "%s\n", err.text); return 1; }
    if (fread(first, 3, n, f) != n || fread(gt, 1, n, g) != n) return 1;
    int map[256] = {0}, L = 1, seen[256] = {0};
    for (size_t i = 0; i < n; i++) seen[gt[i]] = 1;
    for (int v = 1; v < 256; v++) if (seen[v]) map[v] = L++;
    for (size_t i = 0; i < n; i++) ids[i] = map[gt[i]];
    int S = 0; 
    double t0 = now(), tstep = 0, tref = 0, sumJ = 0; int nJ = 0; double Jprev = 0;
    if (hf_context_seed(ctx, first, ids, L, &err) < 0) { fprintf(stderr, "%s\n", err.text); return 1; }
    double tseed = now() - t0;
    int ch, cw, stride;
    hf_context_cells_shape(ctx, &ch, &cw, &stride);
    hf_cells_new(&cells, ch, cw, stride, L, &err);
    float *soft = malloc(sizeof(float) * n * 8), *xy = malloc(sizeof(float) * n * 2), *cover = malloc(sizeof(float) * n);
    hf_drawn drawn = { first, ids };
    FILE *dump = argc > 3 ? fopen(argv[3], "wb") : NULL;
    while (fread(rgb, 3, n, f) == n && fread(gt, 1, n, g) == n) {
        double a = now();
        if (hf_context_step(ctx, cells, rgb, &err) < 0) { fprintf(stderr, "%s\n", err.text); return 1; }
        double b = now();
        if (hf_refine_run(ref, soft, xy, cover, cells, rgb, &drawn, &err) < 0) { fprintf(stderr, "%s\n", err.text); return 1; }
        tref += now() - b; tstep += b - a; S++;
        double J = 0;
        if (dump) for (size_t i = 0; i < n; i++) { int best = 0; for (int l = 1; l < L; l++) if (soft[l * n + i] > soft[best * n + i]) best = l;
            int t = map[gt[i]] > 0; uint8_t o[3] = { best ? 255 : rgb[3*i] / 2, t ? 255 : rgb[3*i+1] / 2, rgb[3*i+2] / 2 }; fwrite(o, 1, 3, dump); }
        for (int q = 1; q < L; q++) {
            size_t in = 0, un = 0;
            for (size_t i = 0; i < n; i++) {
                int best = 0; for (int l = 1; l < L; l++) if (soft[l * n + i] > soft[best * n + i]) best = l;
                int m = best == q, t = map[gt[i]] == q;
                in += m & t; un += m | t;
            }
            J += un ? (double)in / un : 1;
        }
        Jprev = J / (L - 1);
        sumJ += Jprev; nJ++;
        if (0) printf("%d %.3f\n", S, Jprev);
    }
    sumJ -= Jprev; nJ--; /* the last frame does not count */
    printf("%-18s %.4f  seed %.0f ms step %.1f ms refine %.1f ms\n", argv[2], sumJ / nJ, 1e3 * tseed, 1e3 * tstep / S, 1e3 * tref / S);
    return 0;
}
