/* cudnn_plan.c - see cudnn_plan.h: cuDNN 9, its backend (graph) API.
 *
 * cuDNN's heuristics give engine configurations for a graph, best first: mode A, then B, then the fallback list. Of
 * these the first that keeps the rules below, can be made into an execution plan, and needs no more workspace than
 * allowed, is taken.
 *
 *   - Results repeat: no engine whose sums depend on the order in which blocks end.
 *   - f32 is f32: no tensor cores (they would round to TF32), nothing that rounds its inputs; no FFT and no large
 *     Winograd tiles, which lose digits. f16 and bf16: sums in f32, no Winograd, no FFT.
 *
 * Some engines are compiled for the graph when the plan is made (behaviour note RUNTIME COMPILATION); these need libnvrtc
 * of the CUDA toolkit on the machine, and a second or more for each shape. Without it their plans fail, and what remains
 * are the ready-made engines: the convolution alone, or with a residual, a bias and ReLU where all of them have the
 * result's type. Of the fallback list, which is not in order of speed, only ready-made engines are taken: what else
 * could be done costs less than compiling an engine that nobody recommends.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/cudnn_plan.h"

/* cuDNN opens and closes libnvrtc, 100 MB with a C++ runtime of its own, anew for many a configuration it thinks about,
 * and every time that runtime leaves 72 KB behind. Once in the process, the library stays. Where there is none, cuDNN
 * does without it, and so nothing is to be said. */
static void keep_compiler_loaded(void)
{
    char name[32];
    snprintf(name, sizeof(name), "libnvrtc.so.%d", CUDART_VERSION / 1000);
    void *nvrtc = dlopen(name, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
    if (nvrtc)
        dlclose(nvrtc);
}

int hf_cudnn_open(hf_cudnn_library **out, cudaStream_t stream, hf_error *err)
{
    int rc;
    keep_compiler_loaded();
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return hf_fail(err, HF_ENOMEM, "cuda: out of memory");
    if ((rc = HF_CUDNN(cudnnCreate(&(*out)->handle), err)) < 0 ||
        (rc = HF_CUDNN(cudnnSetStream((*out)->handle, stream), err)) < 0)
        hf_cudnn_close(out);
    return rc;
}

static void destroy(cudnnBackendDescriptor_t *d)
{
    if (*d)
        cudnnBackendDestroyDescriptor(*d);
    *d = NULL;
}

void hf_cudnn_close(hf_cudnn_library **library)
{
    if (!*library)
        return;
    if ((*library)->handle)
        cudnnDestroy((*library)->handle);
    destroy(&(*library)->device);
    free(*library);
    *library = NULL;
}

int hf_cudnn_open_described(hf_cudnn_library **out, const char *device, hf_error *err)
{
    int rc;
    keep_compiler_loaded();
    if (!(*out = calloc(1, sizeof(**out))))
        return hf_fail(err, HF_ENOMEM, "cuda: out of memory");
    cudnnBackendDescriptor_t *d = &(*out)->device;
    if ((rc = HF_CUDNN(cudnnBackendCreateDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, d), err)) < 0 ||
        (rc = hf_cudnn_set(*d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, (int64_t)strlen(device),
                           device, err)) < 0 ||
        (rc = HF_CUDNN(cudnnBackendFinalize(*d), err)) < 0) {
        hf_cudnn_close(out);
        rc = hf_fail(err, HF_EARG, "cuda: cuDNN takes no such description of a GPU");
    }
    return rc;
}

/* Whether the rules at the top allow an engine with this numerical note. */
static bool note_is_allowed(cudnnBackendNumericalNote_t note, int32_t in)
{
    switch (note) {
    case CUDNN_NUMERICAL_NOTE_TENSOR_CORE: return in != HF_F32;
    case CUDNN_NUMERICAL_NOTE_WINOGRAD:
    case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4: return in == HF_F32;
    case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
    case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION:
    case CUDNN_NUMERICAL_NOTE_FFT:
    case CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC:
    case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6:
    case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13: return false;
    default: return true;
    }
}

/* Number and notes of the configuration's engine; HF_EUNSUPPORTED where a rule forbids it. */
static int look_at_engine(hf_cudnn_candidate *c, int32_t in, hf_error *err)
{
    cudnnBackendNumericalNote_t numbers[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
    cudnnBackendBehaviorNote_t ways[CUDNN_BEHAVIOR_NOTE_TYPE_COUNT];
    cudnnBackendDescriptor_t engine = NULL;
    int64_t n_numbers = 0, n_ways = 0;
    int rc;
    if ((rc = HF_CUDNN(cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine), err)) < 0 ||
        (rc = hf_cudnn_get(c->config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &engine, err)) < 0 ||
        (rc = hf_cudnn_get(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &c->engine, err)) < 0 ||
        (rc = HF_CUDNN(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                                CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &n_numbers, numbers), err)) < 0 ||
        (rc = HF_CUDNN(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE,
                                                CUDNN_BEHAVIOR_NOTE_TYPE_COUNT, &n_ways, ways), err)) < 0)
        goto end;
    for (int64_t i = 0; i < n_numbers && i < CUDNN_NUMERICAL_NOTE_TYPE_COUNT; i++)
        if (!note_is_allowed(numbers[i], in))
            rc = hf_fail(err, HF_EUNSUPPORTED, "cuda: engine %lld of cuDNN has numerical note %d", (long long)c->engine,
                         (int)numbers[i]);
    for (int64_t i = 0; i < n_ways && i < CUDNN_BEHAVIOR_NOTE_TYPE_COUNT; i++)
        c->compiled = c->compiled || ways[i] == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION;
    if (rc >= 0 && c->compiled && c->list == 'F')
        rc = hf_fail(err, HF_EUNSUPPORTED, "cuda: engine %lld of cuDNN is compiled, and not recommended",
                     (long long)c->engine);
end:
    destroy(&engine);
    return rc;
}

static int set_device(cudnnBackendDescriptor_t plan, const hf_cudnn_library *l, hf_error *err)
{
    if (l->device)
        return hf_cudnn_set(plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &l->device, err);
    return hf_cudnn_set(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &l->handle, err);
}

/* The execution plan of c->config. */
static int build(hf_cudnn_plan *p, hf_cudnn_candidate *c, hf_error *err)
{
    int rc;
    if ((rc = look_at_engine(c, p->in, err)) < 0 ||
        (rc = HF_CUDNN(cudnnBackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &c->plan), err)) < 0 ||
        (rc = set_device(c->plan, p->library, err)) < 0 ||
        (rc = hf_cudnn_set(c->plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                           &c->config, err)) < 0 ||
        (rc = HF_CUDNN(cudnnBackendFinalize(c->plan), err)) < 0 ||
        (rc = hf_cudnn_get(c->plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &c->workspace,
                           err)) < 0)
        return rc;
    if ((uint64_t)c->workspace > p->max_workspace)
        return hf_fail(err, HF_EUNSUPPORTED, "cuda: engine %lld of cuDNN wants %lld bytes of workspace",
                       (long long)c->engine, (long long)c->workspace);
    return HF_OK;
}

/* Configurations that are looked at in one list: the rest is far from the best. */
enum { MOST_CONFIGS = 24 };

/* Empty descriptors, which cuDNN fills. */
static int configs_new(cudnnBackendDescriptor_t configs[MOST_CONFIGS], hf_error *err)
{
    int rc = HF_OK;
    for (int i = 0; i < MOST_CONFIGS && rc >= 0; i++)
        rc = HF_CUDNN(cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &configs[i]), err);
    return rc;
}

static int ask(cudnnBackendDescriptor_t heuristic, const hf_cudnn_plan *p, cudnnBackendHeurMode_t mode,
               cudnnBackendDescriptor_t configs[MOST_CONFIGS], int64_t *n, hf_error *err)
{
    const cudnnBackendDescriptor_t *device = &p->library->device;
    int rc;
    if ((rc = hf_cudnn_set(heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                           &p->graph.graph, err)) < 0 ||
        (*device && (rc = hf_cudnn_set(heuristic, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                                       device, err)) < 0) ||
        (rc = hf_cudnn_set(heuristic, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode, err)) < 0 ||
        (rc = HF_CUDNN(cudnnBackendFinalize(heuristic), err)) < 0)
        return rc;
    return HF_CUDNN(cudnnBackendGetAttribute(heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                             MOST_CONFIGS, n, configs), err);
}

/* Candidates of one heuristic list, until there are enough. That a list or a configuration is of no use is no failure:
 * only memory is. */
static int take_list(hf_cudnn_plan *p, cudnnBackendHeurMode_t mode, char list)
{
    cudnnBackendDescriptor_t heuristic = NULL, configs[MOST_CONFIGS] = { NULL };
    int64_t n = 0;
    int rc;
    if ((rc = HF_CUDNN(cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, &heuristic), &p->why)) < 0 ||
        (rc = configs_new(configs, &p->why)) < 0 ||
        (rc = ask(heuristic, p, mode, configs, &n, &p->why)) < 0)
        goto end;
    for (int i = 0; i < n && i < MOST_CONFIGS && p->n_candidates < p->n_wanted; i++) {
        hf_cudnn_candidate c = { .config = configs[i], .list = list };
        if ((rc = build(p, &c, &p->why)) >= 0) {
            configs[i] = NULL;
            p->candidates[p->n_candidates++] = c;
            continue;
        }
        destroy(&c.plan);
        if (rc == HF_ENOMEM)
            goto end;
    }
end:
    for (int i = 0; i < MOST_CONFIGS; i++)
        destroy(&configs[i]);
    destroy(&heuristic);
    return rc == HF_ENOMEM ? rc : HF_OK;
}

int hf_cudnn_plan_find(hf_cudnn_plan *p, const char *what, hf_error *err)
{
    static const struct {
        cudnnBackendHeurMode_t mode;
        char                   list;
    } lists[] = { { CUDNN_HEUR_MODE_A, 'A' }, { CUDNN_HEUR_MODE_B, 'B' }, { CUDNN_HEUR_MODE_FALLBACK, 'F' } };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && !p->n_candidates; i++)
        if (take_list(p, lists[i].mode, lists[i].list) < 0)
            return hf_fail(err, HF_ENOMEM, "%s", p->why.text);
    if (!p->n_candidates)
        return hf_fail(err, HF_EUNSUPPORTED, "cuda: cuDNN has no engine for %s; the last one: %s", what,
                       p->why.text[0] ? p->why.text : "none was offered");
    return HF_OK;
}

void hf_cudnn_plan_free(hf_cudnn_plan *p)
{
    for (int i = 0; i < p->n_candidates; i++) {
        destroy(&p->candidates[i].plan);
        destroy(&p->candidates[i].config);
    }
    hf_cudnn_graph_free(&p->graph);
}

size_t hf_cudnn_plan_workspace(const hf_cudnn_plan *p)
{
    return (size_t)p->candidates[p->chosen].workspace;
}

void hf_cudnn_plan_describe(const hf_cudnn_plan *p, char *text, size_t size)
{
    const hf_cudnn_candidate *c = &p->candidates[p->chosen];
    snprintf(text, size, "cuDNN engine %lld, %s, list %c, way %d of %d", (long long)c->engine,
             c->compiled ? "compiled here" : "ready-made", c->list, p->chosen + 1, p->n_candidates);
}

int hf_cudnn_pack_new(cudnnBackendDescriptor_t *out, int64_t n, void **data, int64_t *names, void *workspace, hf_error *err)
{
    int rc;
    if ((rc = HF_CUDNN(cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, out), err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, n, data, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, n, names, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace, err)) < 0 ||
        (rc = HF_CUDNN(cudnnBackendFinalize(*out), err)) < 0)
        destroy(out);
    return rc;
}

void hf_cudnn_pack_free(cudnnBackendDescriptor_t *pack)
{
    destroy(pack);
}

int hf_cudnn_plan_run(const hf_cudnn_plan *p, cudnnBackendDescriptor_t pack, hf_error *err)
{
    return HF_CUDNN(cudnnBackendExecute(p->library->handle, p->candidates[p->chosen].plan, pack), err);
}
