/* hfprop.h - the public API: carry a mask or a painted edit through a video.
 *
 *     hf_session_params p = HF_SESSION_DEFAULTS;
 *     p.width = 854, p.height = 480;
 *     hf_session_open(&s, &p, &err);
 *     hf_session_add_key(s, &(hf_key){ .frame = 0, .rgb = first, .ids = mask }, &err);
 *     hf_session_follow(s, 0, &err);
 *     while (next_frame(rgb))
 *         hf_session_step(s, &result, rgb, &err);    result.ids is the mask of this frame
 *     hf_session_close(&s);
 *
 * Pictures are host memory, rows packed, top row first, in displayed orientation:
 * rgb u8 [H,W,3], ids u8 [H,W] (0 = background), rgba u8 [H,W,4] with straight
 * (not premultiplied) alpha. Functions return HF_OK or a negative hf_status and
 * describe the failure in err, which may be NULL. A session is used by one
 * thread at a time, but for hf_session_can_overlap; several sessions may live side by side. With a GPU, the
 * calling thread's current CUDA device is the session's afterwards.
 */
#ifndef HFPROP_H
#define HFPROP_H

#include <stdint.h>
#include "error.h"

#define HF_MAX_LABELS 256 /* ids 0..255 */
#define HF_MAX_BATCH 64
#define HF_BATCH_AUTO (-HF_MAX_BATCH)

typedef enum hf_match_mode {
    HF_MATCH_AUTO,    /* what scores higher for the model: context for tiny and classic */
    HF_MATCH_FIRST,   /* every frame against the drawn frame only, exact at full resolution */
    HF_MATCH_CONTEXT, /* drawn frame + recent frames, k votes in a window */
    HF_MATCH_GIVEN    /* nothing is matched: a field of displacements comes with every frame, see hf_followed */
} hf_match_mode;

/* What the fields of HF_MATCH_GIVEN say. */
typedef enum hf_flow_way {
    HF_FLOW_TO_KEY,  /* for every pixel of the frame: how far away in the key it came from */
    HF_FLOW_FROM_KEY /* for every pixel of the key: how far away in the frame it went */
} hf_flow_way;

typedef enum hf_precision {
    HF_PRECISION_AUTO, /* what the device does fastest without losing digits that matter: f32 on a processor, f16 on a GPU */
    HF_PRECISION_F32,
    HF_PRECISION_BF16,
    HF_PRECISION_F16
} hf_precision;

typedef enum hf_facet { /* of a vision transformer's layer */
    HF_FACET_AUTO,  /* token */
    HF_FACET_TOKEN, /* the layer's output under the network's last norm, as DINO gives intermediate layers */
    HF_FACET_RAW,   /* the layer's output as it is */
    HF_FACET_KEY,   /* of the layer's attention */
    HF_FACET_QUERY,
    HF_FACET_VALUE
} hf_facet;

/* Of models made of Stable Diffusion weights; AUTO: as the model's name says. */
typedef enum hf_diffusion_way {
    HF_DIFFUSION_AUTO,
    HF_DIFFUSION_INVERSION,  /* from the picture towards noise */
    HF_DIFFUSION_GENERATION, /* back from the noise that the picture's inversion ends in */
    HF_DIFFUSION_NOISE       /* generation from seeded noise: for pictures that the network makes itself */
} hf_diffusion_way;

typedef enum hf_network_output { HF_OUTPUT_AUTO, HF_OUTPUT_EPSILON, HF_OUTPUT_V } hf_network_output;

typedef enum hf_picture_fit {
    HF_FIT_AUTO,    /* first: square; context: pad */
    HF_FIT_SQUARE,  /* squeezed to a square, as published */
    HF_FIT_PADDED   /* its own size, edges repeated to a multiple of 64 */
} hf_picture_fit;

/* Which features, from which weights. Strings are borrowed until the model is open.
 * What does not apply to the model named is refused if it is set. */
typedef struct hf_model_params {
    const char  *name;    /* NULL: "tiny"; `hfprop models` names them */
    const char  *weights; /* file or folder of the weights; NULL: none, or the places that the model searches */
    hf_precision precision;
    int          layer;   /* one raw layer instead of what the model makes of its layers, from 1; 0: as the model says */
    int          all_layers;  /* 1: all layers side by side; vision transformers: each of unit length */
    const char  *aggregation; /* file of an aggregation network over the layers; NULL: none, or the model's own */
    hf_facet     facet;       /* vision transformers: what of a layer */
    int          stride;      /* vision transformers: pixels from patch to patch, a divisor of the patch; 0: the patch */
    int          bins;        /* vision transformers: levels of log-binning, 1..4, 8 neighbours each; 0: none */

    /* Models made of Stable Diffusion weights. */
    const char       *encoder;     /* file of a TAESD encoder that stands for the VAE's; NULL: the VAE */
    hf_diffusion_way  diffusion;
    hf_network_output output;      /* what the U-Net says; AUTO: as its files tell */
    hf_picture_fit    fit;
    hf_match_mode     match;       /* what the features are for; a session fills it in */
    int               square_px;   /* side of the square, a multiple of 64; 0: 512 */
    int               n_steps;     /* of the schedule, 1..1000 */
    int               n_run;       /* stop after so many of them */
    const char       *save_steps;  /* labels of the steps that count, "49,45,40": 0 is noise, n_steps - 1 the picture */
    const char       *prompt, *negative_prompt; /* UTF-8; NULL: empty */
    float             guidance;    /* of the prompt against the negative one; 0: none, generation 7.5 */
    int               seed;        /* > 0: latents are sampled with it, not the mean; of all other noise too */
    int               timestep;    /* DIFT, 1..999 */
    int               up_block;    /* DIFT, from 1 */
    int               n_ensemble;  /* DIFT: noises */
} hf_model_params;

/* 0 in a number means "the default of the model and mode". */
typedef struct hf_session_params {
    int             width, height; /* of every picture of the session */
    hf_model_params model;
    const char   *device;        /* NULL or "auto": a GPU where there is one; "cuda", "cuda:N", "cpu", "ref" */
    int           n_threads;     /* 0: one a processor */
    int           size;          /* shorter side that features are computed at; 0: 480. The frame is
                                    averaged down by the whole factor that comes nearest; a small one is doubled */
    hf_match_mode match;
    int           n_recent;      /* context: recent frames kept beside the drawn one */
    int           k;             /* context: votes a cell */
    int           radius_cells;  /* context: window */
    float         temperature;   /* context: of the vote; first: of the splat */
    int           refine;        /* 1: refine edges against the frame, -1: do not, 0: default (on) */
    int           grow_px;       /* grow (or, negative, shrink) every object */
    float         matte_contrast; /* of hf_result.alpha about its middle: with 2 its middle half becomes all of it, and what is
                                    below a quarter nothing; 1..64, 0: 1 */
    float         feather_px;    /* soften the matte's edge by a Gaussian of this sigma, after all else */
    int           despeckle_px;  /* drop specks of fewer pixels */
    int           fill_holes_px; /* fill enclosed holes of fewer pixels */
    int           no_coordinates; /* context: 1: hf_result.xy is NULL unless a key has an edit; saves a tenth of the work.
                                     2: it is NULL with an edit, too, and in match mode first; saves its way back from a GPU */
    hf_flow_way   flow_way;      /* given: of all fields; the model is not opened */
    int           batch;         /* frames that hf_session_look_ahead takes at a time, 1..HF_MAX_BATCH; 0: nobody looks
                                    ahead; -n: as many as device, model and free memory suggest, n at most */
} hf_session_params;

#define HF_SESSION_DEFAULTS { .match = HF_MATCH_AUTO }

/* A drawn frame. The session copies what it needs. */
typedef struct hf_key {
    int64_t        frame; /* its number in the video */
    const uint8_t *rgb;   /* the frame */
    const uint8_t *ids;   /* object ids, or NULL */
    const uint8_t *edit;  /* rgba painted over the frame, or NULL */
} hf_key;

typedef struct hf_session hf_session;
typedef struct hf_cells   hf_cells; /* one frame followed from one key, before pixels: small */

/* What is known of one frame. Everything belongs to the session and stays as
 * it is until the next render or step. */
typedef struct hf_result {
    const uint8_t *ids;      /* [H,W] object ids; of the key's ids only */
    const uint8_t *alpha;    /* [H,W] soft union of all objects, 0..255: the matte */
    const uint8_t *soft;     /* [n_ids,H,W] soft matte of each object, in the order of `used` */
    const uint8_t *edit;     /* rgba of the carried edit, or NULL if no key has one */
    const float   *xy;       /* [H,W,2] where each pixel came from in the nearest key, pixels; NULL: not wanted */
    const float   *cover;    /* [H,W] 0..1, how far that can be trusted */
    int            n_ids;    /* objects */
    uint8_t        used[HF_MAX_LABELS];    /* their ids, ascending */
    int64_t        area_px[HF_MAX_LABELS]; /* by id */
    float          mean_cover;
    float          mean_similarity;
} hf_result;

/* Memory is allocated here, in add_key, and once more in the first of follow, cells_new and
 * render_key, when the keys and so the number of objects are known; never in track, render or step.
 * HF_EARG: a parameter is out of its range. HF_EMODEL, HF_EDEVICE: model or device is not there. */
int  hf_session_open(hf_session **out, const hf_session_params *params, hf_error *err);
void hf_session_close(hf_session **session);

/* The parameters in use, every default filled in (the mode too); for logs. */
void hf_session_settings(const hf_session *session, hf_session_params *settings);

/* Where a session computes. Texts live as long as it does. */
typedef struct hf_device_info {
    const char *name;       /* "cpu", "ref", "cuda" */
    const char *about;      /* a GPU in words; empty on the host */
    const char *note;       /* after "auto": why a GPU that is here is not used; else empty */
    int64_t     bytes_used, bytes_peak; /* of GPU memory that the session has, now and at most; 0 on the host */
    int64_t     bytes_free, bytes_total; /* of the GPU, now */
} hf_device_info;
void hf_session_device(const hf_session *session, hf_device_info *info);

/* Memory that a session holds, or would hold with so many objects and keys; for --dry-run. */
typedef struct hf_session_memory {
    int64_t host;   /* bytes */
    int64_t device; /* bytes of a GPU's memory, without what its libraries take for themselves */
} hf_session_memory;
void hf_session_foretell(const hf_session *session, hf_session_memory *memory, int n_ids, int n_keys, int has_edit);

/* The sum of the two for a session that is not open; 0 where it cannot be opened. */
int64_t hf_session_bytes(const hf_session_params *params, int n_ids, int n_keys, int has_edit);

/* Keys may be added in any order, all before the first follow. Their number is the order of adding.
 * A key has ids, an edit or both. One without ids follows the area under its edit (alpha > 0); where
 * no key has ids at all, that area is reported as object 1.
 * HF_EARG: nothing drawn, two keys on one frame, or a key after the first follow. */
int hf_session_add_key(hf_session *session, const hf_key *key, hf_error *err);

/* Start to follow key number `key`: the next track is the frame beside it, on either side. */
int hf_session_follow(hf_session *session, int key, hf_error *err);

/* Follow into the next frame away from the key. Without cells (NULL) what is found stays in the session, on a GPU on that,
 * until the next follow, track or load. Does nothing in the modes HF_MATCH_FIRST and HF_MATCH_GIVEN. */
int hf_session_track(hf_session *session, hf_cells *cells, const uint8_t *rgb, hf_error *err);

/* Bring one frame to pixels from n followed keys, blended by weight (nearer key, more weight). The key that is followed may
 * come without cells (NULL): those of the last track then, which had none, and rgb is the frame of that track.
 * In HF_MATCH_FIRST mode `cells` is NULL: the frame is matched with the key here. In HF_MATCH_GIVEN mode `flow` holds
 * the match instead. */
typedef struct hf_followed {
    int             key;
    const hf_cells *cells;
    float           weight; /* > 0 */
    const float    *flow;   /* [H,W,2] displacements x, y between frame and key in pixels; NaN: none */
} hf_followed;
int hf_session_render(hf_session *session, hf_result *result, const uint8_t *rgb,
                      const hf_followed *followed, int n, hf_error *err);

/* The drawn frame itself: what was drawn, exactly (then post-processed as every frame is). Where this key
 * has no edit and another has one, or no ids, the result has none here either: render the frame from
 * the other key instead to have them. */
int hf_session_render_key(hf_session *session, hf_result *result, int key, hf_error *err);

/* track and render in one: the usual loop with one key. Not in HF_MATCH_GIVEN mode (HF_EARG). */
int hf_session_step(hf_session *session, hf_result *result, const uint8_t *rgb, hf_error *err);

/* Looking ahead. A GPU is quicker with several frames at a time, and while it computes the features of the next ones, the
 * host can finish those before. On the host, a thread of the session does the same with half of n_threads for models that
 * cost less than following a frame (tiny, classic). Who does not look ahead has the same results, a frame at a time.
 *
 * How many frames look_ahead takes at a time; 0: none, there is nothing to gain. Prepares the session as follow does,
 * and returns what that returns where it fails. */
int hf_session_batch(hf_session *session, hf_error *err);

/* Show the next n frames, 1..hf_session_batch, in the order in which track or step (context) or render or step (first) will
 * be called for them, with these pointers: the pictures are copied, and known by them. The frames of two calls may be waiting;
 * any other frame, and follow, make the session forget them. Results are those of frames that were not shown, but for
 * the rounding of models that compute a batch in another order. HF_EARG: n is out of its range, two calls are
 * waiting, or no key is followed where one has to be. */
int hf_session_look_ahead(hf_session *session, const uint8_t *const *rgb, int n, hf_error *err);

/* 1 if the session needs cells from track (context), 0 if render does all (first, given). */
int hf_session_needs_tracking(const hf_session *session);

/* 1: while one thread follows (follow, track with cells, look_ahead), another may render (render, render_key) frames that were
 * followed before, once the session is prepared by hf_session_batch. The results are the same. 0: it may not; nothing is to be
 * gained on a GPU, with one thread, or where render does all. */
int hf_session_can_overlap(const hf_session *session);

int  hf_session_cells_new(hf_session *session, hf_cells **out, hf_error *err);
void hf_cells_free(hf_cells **cells);

/* State of the followed key, for going on later: add the same keys, follow the same key, load.
 * save writes beside the name and renames. load returns HF_EIO, or HF_EFORMAT for a broken file or
 * one of other settings, pictures or drawings; after that, follow again. */
int hf_session_save(const hf_session *session, const char *path, hf_error *err);
int hf_session_load(hf_session *session, const char *path, hf_error *err);

const char *hf_version(void);

#endif
