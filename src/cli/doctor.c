/* doctor.c - see doctor.h. */
#include "src/cli/doctor.h"

#include <cblas.h>
#include <dnnl.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <png.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "io/hw_decode.h"
#include "src/backend.h"
#include "src/cli/models.h"
#include "src/cli/settings.h"
#include "src/hfprop.h"

#define MB 1e6

typedef struct findings {
    FILE   *text;   /* gets each line as it is found; NULL: none */
    json_t *checks; /* the same lines */
} findings;

static void tell(findings *f, const char *state, const char *what, const char *detail)
{
    if (f->text) {
        fprintf(f->text, "%-8s %-24s ", state, what);
        hf_models_put(f->text, detail);
        fputc('\n', f->text);
    }
    json_array_append_new(f->checks, json_pack("{s:s, s:s, s:o}", "state", state, "what", what, "detail",
                                               hf_json_text(detail)));
}

static void line(findings *f, int is_ok, const char *what, const char *detail)
{
    tell(f, is_ok ? "ok" : "missing", what, detail);
}

/* First line of a small file, "" if there is none. */
static void read_line(char *text, size_t size, const char *path)
{
    FILE *file = fopen(path, "r");
    text[0] = 0;
    if (!file)
        return;
    if (!fgets(text, (int)size, file))
        text[0] = 0;
    text[strcspn(text, "\n")] = 0;
    fclose(file);
}

static void tell_processor(findings *f)
{
    char text[512] = "", name[256] = "";
    cpu_set_t set;
    struct utsname system;
    FILE *file = fopen("/proc/cpuinfo", "r");

    while (file && fgets(text, sizeof(text), file))
        if (sscanf(text, "model name : %255[^\n]", name) == 1)
            break;
    if (file)
        fclose(file);
    if (uname(&system) == 0)
        snprintf(text, sizeof(text), "%s %s, %s", system.sysname, system.machine, *name ? name : "processor unknown");
    line(f, 1, "machine", text);
    int usable = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    snprintf(text, sizeof(text), "%d usable of %ld", usable, sysconf(_SC_NPROCESSORS_ONLN));
    line(f, 1, "processors", text);
#if defined(__x86_64__)
    __builtin_cpu_init();
    int has_512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
    int has_2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    line(f, has_2, "vector instructions",
         has_512 ? "AVX-512 and AVX2" : has_2 ? "AVX2" : "no AVX2: everything works, some 4 times slower");
#endif
}

/* A container's limit counts, not the machine's memory. */
static void tell_memory(findings *f)
{
    char text[128], limit[64];
    double total = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    read_line(limit, sizeof(limit), "/sys/fs/cgroup/memory.max");
    double container = atof(limit);
    if (container > 0 && container < total)
        total = container;
    snprintf(text, sizeof(text), "%.0f MB%s; a 480p video takes under 400 MB", total / MB,
             total < 1000 * MB ? ": little" : "");
    line(f, total >= 400 * MB, "memory", text);
}

static void tell_libraries(findings *f)
{
    char text[512];
    const dnnl_version_t *dnnl = dnnl_version();
    snprintf(text, sizeof(text), "%d.%d.%d", dnnl->major, dnnl->minor, dnnl->patch);
    line(f, 1, "oneDNN", text);
    line(f, 1, "BLAS", openblas_get_config());
    line(f, 1, "libpng", png_get_libpng_ver(NULL));
    unsigned v = avformat_version();
    snprintf(text, sizeof(text), "%s (libavformat %u.%u.%u)", av_version_info(), v >> 16, v >> 8 & 255, v & 255);
    line(f, 1, "FFmpeg", text);
}

/* Returns 0 if the default output cannot be written. */
static int tell_encoders(findings *f)
{
    static const struct {
        const char *name, *use;
        int         is_needed;
    } encoders[] = {
        { "libx264", "H.264 in .mp4 .mov .mkv", 1 },
        { "prores_ks", "alpha in .mov (ProRes 4444)", 0 },
        { "libvpx-vp9", "alpha in .webm (VP9)", 0 },
        { "ffv1", "alpha in .mkv, lossless (FFV1)", 0 },
        { "png", "PNG folders", 0 },
    };
    int good = 1;
    for (size_t i = 0; i < sizeof(encoders) / sizeof(encoders[0]); i++) {
        char what[64], detail[160];
        int found = avcodec_find_encoder_by_name(encoders[i].name) != NULL;
        snprintf(what, sizeof(what), "encoder %s", encoders[i].name);
        snprintf(detail, sizeof(detail), "%s%s", encoders[i].use,
                 found ? "" : ": install an FFmpeg that has it (Debian's libavcodec-extra59)");
        line(f, found, what, detail);
        good &= found || !encoders[i].is_needed;
    }
    line(f, avcodec_find_decoder_by_name("libvpx-vp9") != NULL, "decoder libvpx-vp9", "alpha of .webm inputs");
    return good;
}

/* Opening it is the only way to know. */
static void tell_cuda(findings *f)
{
    hf_backend *be = NULL;
    hf_device_memory memory = { 0 };
    hf_error err = { 0 };
    char text[sizeof(err.text) + 64];

    if (hf_backend_open(&be, "cuda", 1, &err) < 0) {
        snprintf(text, sizeof(text), "%s", err.text);
    } else {
        be->ops.memory(be, &memory, NULL);
        snprintf(text, sizeof(text), "%s; %.0f MB free", be->about, (double)memory.free / MB);
    }
    line(f, be != NULL, "backend cuda", text);
    hf_backend_close(&be);
}

static void tell_nvdec(findings *f)
{
    char text[512];
    int is_there = hf_hw_probe(text, sizeof(text), "cuda");
    size_t n = strlen(text);
    if (!is_there)
        snprintf(text + n, sizeof(text) - n, "; videos are decoded in software");
    line(f, is_there, "NVDEC (--hwdec)", text);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* What keeps a model from being used: the files that are not here by name, or what is wrong with those that are. */
static void describe_needs(char *text, size_t size, const json_t *model)
{
    int is_broken = strcmp(text_of(model, "state"), "broken") == 0;
    size_t i, n = 0;
    json_t *need;

    json_array_foreach(json_object_get(model, "needs"), i, need) {
        const char *problem = text_of(need, "problem");
        if (!*problem || (is_broken && !*text_of(need, "path")))
            continue;
        n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : is_broken ? "" : "needs ",
                              is_broken ? problem : text_of(need, "what"));
        if (n >= size)
            return;
    }
}

/* Every model, and where weights are looked for if any are not here. Returns the list of `hfprop models`. */
static json_t *tell_models(findings *f)
{
    json_t *list = hf_models_list_json(), *model;
    char what[64], detail[1024];
    int n_without = 0;
    size_t i;

    json_array_foreach(json_object_get(list, "models"), i, model) {
        int is_ready = json_is_true(json_object_get(model, "ready"));
        snprintf(what, sizeof(what), "model %s", text_of(model, "name"));
        snprintf(detail, sizeof(detail), "%s", text_of(model, "what"));
        if (!is_ready)
            describe_needs(detail, sizeof(detail), model);
        tell(f, is_ready ? "ok" : text_of(model, "state"), what, detail);
        n_without += !is_ready;
    }
    if (f->text && n_without) {
        fprintf(f->text, "%34sweights are looked for in ", "");
        hf_models_put(f->text, text_of(list, "cache"));
        fprintf(f->text, " and torch.hub's cache,\n%34sor where --weights says; `hfprop models` tells how to get them\n", "");
    }
    return list;
}

int hf_doctor_main(const hf_options *options, int argc, char **argv)
{
    findings f = { .text = options->json ? NULL : stdout, .checks = json_array() };
    char text[64];

    (void)argc, (void)argv;
    line(&f, 1, "hfprop", hf_version());
    tell_processor(&f);
    tell_memory(&f);
    for (const char *const *name = hf_backend_names(); *name; name++) {
        if (strcmp(*name, "cuda") == 0)
            continue; /* further down: it may not be there */
        snprintf(text, sizeof(text), "backend %s", *name);
        line(&f, 1, text, strcmp(*name, "ref") == 0 ? "plain C, the definition; slow" : "vector code, oneDNN and BLAS");
    }
    json_t *models = tell_models(&f);
    tell_libraries(&f);
    int good = tell_encoders(&f);
    tell_cuda(&f);
    tell_nvdec(&f);
    if (f.text)
        fprintf(f.text, good ? "hfprop can do its main job here\n" : "hfprop cannot write its usual output here\n");
    json_t *object = json_pack("{s:b, s:o}", "ok", good, "checks", f.checks);
    json_object_update(object, models);
    json_decref(models);
    int failed = !f.text && (json_dumpf(object, stdout, JSON_COMPACT) < 0 || putchar('\n') < 0);
    json_decref(object);
    return fflush(stdout) == 0 && !failed && good ? 0 : 1;
}
