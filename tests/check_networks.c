/* check_networks.c - networks and matching on a device against `ref` and `cpu`, in plain C: for machines without Criterion.
 *
 *     check_networks --device NAME [--golden FOLDER] [--quick] [--full FOLDER]
 *
 * The small networks of tests/golden in f32 and f16, recorded and in batches; dense matching, splatting and the context
 * matcher on the same features; with --full, hyperfeatures of a Stable Diffusion folder of real size in f16 against f32
 * and the neighbours that are found with them. Prints each comparison that fails and with its figure each that
 * passes; the last line is "N passed, N failed, N skipped". Exits 1 if one failed or none passed.
 */
#include "tests/check_networks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check_limit(check *c, const char *what, const char *measure, double found, double limit, bool at_least)
{
    bool good = at_least ? found >= limit : found <= limit; /* no number is neither */
    c->n_passed += good, c->n_failed += !good;
    printf("%s %s: %s %.3g, want at %s %.3g\n", good ? "ok" : "FAILED", what, measure, found, at_least ? "least" : "most", limit);
    fflush(stdout);
}

void check_refusal(check *c, const char *what, int rc, const hf_error *err)
{
    c->n_skipped += rc == HF_EUNSUPPORTED, c->n_failed += rc != HF_EUNSUPPORTED;
    printf("%s %s: %s\n", rc == HF_EUNSUPPORTED ? "skipped" : "FAILED", what, err->text);
    fflush(stdout);
}

void *check_memory(size_t bytes)
{
    void *p = calloc(1, bytes + 1);
    if (!p) {
        fprintf(stderr, "check_networks: out of memory\n");
        exit(1);
    }
    return p;
}

int check_upload(hf_backend *be, hf_tensor *out, const hf_tensor *host, hf_error *err)
{
    int rc;
    *out = *host;
    if (!(out->data = be->ops.alloc(be, hf_tensor_bytes(host))))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", be->name);
    if ((rc = be->ops.write(be, out, host->data, err)) >= 0)
        rc = be->ops.sync(be, err);
    return rc;
}

int check_download(hf_backend *be, void *host, const hf_tensor *t, hf_error *err)
{
    int rc = be->ops.read(be, host, t, err);
    return rc < 0 ? rc : be->ops.sync(be, err);
}

double check_distance(const float *a, const float *b, int64_t n)
{
    double off = 0, all = 0;
    for (int64_t i = 0; i < n; i++) {
        off += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        all += (double)b[i] * (double)b[i];
    }
    if (!isfinite(off) || !isfinite(all))
        return INFINITY;
    return all > 0 ? sqrt(off / all) : off > 0 ? INFINITY : 0;
}

void check_picture(uint8_t *rgb, int W, int H, double move_x, double move_y)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int c = 0; c < 3; c++) {
                double u = (x - move_x) * 0.045, v = (y - move_y) * 0.06;
                double s = sin(u + c) + sin(1.7 * v + 0.5 * u + 2 * c) + sin(0.4 * u * sin(v * 0.5) + c);
                rgb[(y * W + x) * 3 + c] = (uint8_t)(128 + 42 * s);
            }
}

static int run_model(float **features, int64_t *n, bool *same, hf_model *m, const uint8_t *rgb, int N, int W, int H, int n_runs,
                     hf_error *err)
{
    hf_backend *be = m->backend;
    hf_tensor host = hf_tensor_view((void *)rgb, HF_U8, 4, N, H, W, 3), in = { .data = NULL }, out;
    int h, w, rc;

    hf_model_set_batch(m, N);
    hf_model_grid(m, W, H, &h, &w);
    out = hf_tensor_view(NULL, HF_F32, 4, N, h, w, m->n_channels);
    *n = hf_tensor_count(&out);
    *features = check_memory(hf_tensor_bytes(&out));
    float *again = check_memory(hf_tensor_bytes(&out));
    out.data = be->ops.alloc(be, hf_tensor_bytes(&out));
    *same = true;
    if ((rc = check_upload(be, &in, &host, err)) < 0 || (rc = m->prepare(m, W, H, err)) < 0)
        goto end;
    if (m->adapt) {
        hf_tensor first = hf_tensor_view(in.data, HF_U8, 3, H, W, 3);
        if ((rc = m->adapt(m, &first, err)) < 0)
            goto end;
    }
    for (int i = 0; i < n_runs && rc >= 0; i++) {
        rc = hf_model_extract_batch(m, &out, &in, err);
        if (rc >= 0)
            rc = check_download(be, i ? again : *features, &out, err);
        *same = *same && (i == 0 || memcmp(again, *features, hf_tensor_bytes(&out)) == 0);
    }
end:
    free(again);
    be->ops.free(be, in.data);
    be->ops.free(be, out.data);
    return rc;
}

int check_features(float **features, int64_t *n, bool *same, hf_backend *be, const hf_model_params *params, const uint8_t *rgb,
                   int N, int W, int H, int n_runs, hf_error *err)
{
    hf_model *m = NULL;
    int rc = hf_model_open(&m, be, params, err);
    *features = NULL;
    if (rc >= 0)
        rc = run_model(features, n, same, m, rgb, N, W, H, n_runs, err);
    hf_model_close(&m);
    return rc;
}

int main(int argc, char **argv)
{
    check c = { .golden = "tests/golden" };
    const char *device = NULL, *full = NULL;
    hf_error err = { 0 };

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            c.quick = true;
        else if (i + 1 < argc && strcmp(argv[i], "--device") == 0)
            device = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--golden") == 0)
            c.golden = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--full") == 0)
            full = argv[++i];
        else
            device = NULL, i = argc;
    }
    if (!device) {
        fprintf(stderr, "usage: check_networks --device NAME [--golden FOLDER] [--quick] [--full FOLDER]\n");
        return 2;
    }
    if (hf_backend_open(&c.ref, "ref", 1, &err) < 0 || hf_backend_open(&c.cpu, "cpu", 0, &err) < 0) {
        fprintf(stderr, "check_networks: %s\n", err.text);
        return 1;
    }
    if (hf_backend_open(&c.device, device, 0, &err) < 0) {
        printf("skipped device %s: %s\n0 passed, 0 failed, 1 skipped\n", device, err.text);
        hf_backend_close(&c.ref), hf_backend_close(&c.cpu);
        return 77;
    }
    check_matching(&c);
    check_models(&c);
    if (full)
        check_full(&c, full);
    hf_backend_close(&c.device);
    hf_backend_close(&c.cpu);
    hf_backend_close(&c.ref);
    printf("%d passed, %d failed, %d skipped\n", c.n_passed, c.n_failed, c.n_skipped);
    return c.n_failed || !c.n_passed;
}
