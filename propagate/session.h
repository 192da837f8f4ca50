/* session.h - inside of hf_session, shared by the session_*.c files and by nobody else.
 *
 * session.c        open, close, parameters, memory
 * session_keys.c   drawn frames, labels
 * session_track.c  following a key; from a frame to the working size
 * session_ahead.c  features of frames that come next
 * session_ahead_thread.c  the thread that makes them on the host
 * session_device.c the way of a frame where the backend's memory is not the host's
 * session_render.c cells or matches to pixels, blending of keys
 * session_result.c soft labels to masks, mattes and areas
 * session_file.c   save and load
 * session_memory.c how much of it there will be
 */
#ifndef HF_PROPAGATE_SESSION_H
#define HF_PROPAGATE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include "propagate/bend.h"
#include "propagate/blend.h"
#include "propagate/context.h"
#include "propagate/context_ops.h"
#include "propagate/first.h"
#include "propagate/first_ops.h"
#include "propagate/outside.h"
#include "propagate/post.h"
#include "propagate/refine.h"
#include "src/hfprop.h"
#include "src/model.h"

#define HF_MAX_SIDE 32768


/* A drawn frame. `labels` holds the ids as given until the keys are complete, labels after. */
typedef struct hf_session_key {
    int64_t  frame;
    uint8_t *rgb;    /* [H,W,3] */
    uint8_t *labels; /* [H,W] */
    uint8_t *edit;   /* [H,W,4], or NULL */
    bool     has_ids;
} hf_session_key;

/* One frame from one key, at pixels; then the blend. */
typedef struct hf_session_field {
    float *soft;    /* [L,H,W] */
    float *painted; /* [H,W,4] alpha-multiplied, NULL: no key has an edit */
    float *xy;      /* [H,W,2], NULL: not wanted */
    float *cover;   /* [H,W] */
} hf_session_field;

/* What a session keeps in the memory of a backend that the host cannot see. A frame goes up once, and what a user gets comes
 * back: ids, mattes, cover, edit, coordinates. */
typedef struct hf_device_side {
    uint8_t    *rgb;      /* [H,W,3] */
    uint8_t    *work_rgb; /* [h',w',3], NULL where it is the frame's own size */
    const uint8_t *frame; /* the frame that is asked for: rgb, or one that was shown ahead */
    hf_cells   *cells, *sent; /* context: followed last; sent up for rendering */
    hf_drawn   *drawn;    /* [n_keys] pictures of the keys and, but in match mode first, labels; the array is on the host */
    uint8_t   **edits;    /* [n_keys] their edits, as above, NULL where there is none; the array is on the host */
    float      *flow;     /* [H,W,2] given: displacements of one key */
    hf_session_field field; /* of hf_first_results in match mode first; painted and xy may be NULL */
    hf_blend    sums;     /* more than one key */
    uint8_t    *edit;     /* [H,W,4] painted, as the user gets it */
    float      *mean;     /* [1] similarity */
    hf_decision decision;
    bool        has_frame; /* frame is still the one that was followed last, into cells */
} hf_device_side;

typedef struct hf_ahead_thread hf_ahead_thread; /* session_ahead_thread.c */

/* Frames that were shown ahead in one call, in the memory of the backend. */
typedef struct hf_ahead_batch {
    uint8_t *staging;  /* [N,H,W,3] on the host, for the way up; NULL: the backend's memory is the host's */
    uint8_t *frames;   /* [N,H,W,3], NULL on the host */
    uint8_t *pictures; /* [N,h',w',3] at working size; the frames where that is their own */
    float   *features; /* [N,h,w,D] */
    hf_mark *done;     /* in the model's queue; NULL: the session's own, or on the host */
    hf_error err;      /* on the host, of its features; `failed` is the status */
    int      failed;
    int      n;        /* frames, and the caller's pointers to them */
    const uint8_t *rgb[HF_MAX_BATCH];
} hf_ahead_batch;

#define HF_AHEAD_BATCHES 2 /* one is used while the other is computed */

typedef struct hf_ahead {
    hf_ahead_batch batch[HF_AHEAD_BATCHES];
    int            first, n_waiting; /* batches; `first` is the one that frames are taken from */
    int            next;             /* frame in it */
    hf_ahead_thread *thread;         /* that makes features on the host; NULL: a GPU, or the caller makes them */
} hf_ahead;

/* One of them. */
typedef struct hf_seen {
    const uint8_t *frame, *picture; /* frame: NULL on the host */
    float         *features;
} hf_seen;

struct hf_session {
    hf_session_params params; /* every default filled in */
    char              device_name[32]; /* what params points to, */
    hf_model_params  *model_params;    /* and what its strings do */
    hf_backend       *backend;
    hf_backend       *side;  /* a queue for the model alone, NULL: it has none of its own */
    hf_model         *model; /* in order with backend */
    hf_model         *own;   /* the model itself, in its queue */
    int               factor;  /* pixels per working pixel, each way, or */
    int               enlarge; /* working pixels per pixel: 1 or 2; one of the two is 1 */
    int               work_width, work_height;

    hf_session_key *keys;
    int             n_keys, n_edits;
    bool            prepared;             /* keys are complete, everything below is there */
    int             n_labels;             /* L: background, then the ids in ascending order */
    uint8_t         id_of[HF_MAX_LABELS]; /* by label */
    int             n_ids;                /* objects, L - 1 */

    hf_context      *context; /* or */
    hf_first        *first; /* or */
    hf_outside      *outside;
    hf_refine       *refine;
    hf_bend         *bend;        /* of the modes first and given, NULL: edges are left as they are */
    hf_post         *post;        /* NULL: nothing asked */
    uint8_t         *work_rgb;    /* [h',w',3], NULL where it is the frame's own size */
    uint8_t         *work_labels; /* [h',w'], the same */
    hf_cells        *cells;       /* of a track that is given none */
    bool             has_cells;   /* the last track was: they, or those on the device, are what it found */
    hf_ahead        *ahead;     /* NULL: nobody looks ahead */
    hf_device_side  *device;    /* NULL: the backend's memory is the host's */
    int              followed;    /* key, -1: none */
    hf_session_field field;
    hf_blend         sums; /* more than one key */
    float            mean_similarity;

    uint8_t *ids, *ids_before; /* [H,W]; before post-processing, with it only */
    uint8_t *alpha;            /* [H,W] */
    uint8_t *soft;             /* [n_ids,H,W] */
    uint8_t *edit;             /* [H,W,4] */

    bool    counting; /* count bytes, allocate nothing */
    int64_t bytes;
};

/* Once, when the keys are complete. HF_EARG: there are none. HF_ENOMEM. */
int hf_session_prepare(hf_session *s, hf_error *err);

/* Zeroed host memory that counts towards hf_session.bytes, of the kind that the backend is quick with; and an end to it. */
void *hf_session_take(hf_session *s, int64_t bytes);
void  hf_session_drop(hf_session *s, void *memory);

/* What the session holds itself once its labels are known: false if there is not so much. Its parts' parameters. */
bool              hf_session_take_all(hf_session *s);
hf_first_params   hf_session_first_params(const hf_session *s);
hf_context_params hf_session_context_params(const hf_session *s);
hf_outside_params hf_session_outside_params(const hf_session *s);

/* Settles params.batch; the model is open and not prepared. */
void hf_session_choose_batch(hf_session *s);

/* Opens s->ahead for params.batch frames, where that is not 0. HF_ENOMEM, HF_EDEVICE. */
int     hf_session_ahead_open(hf_session *s, hf_error *err);
void    hf_session_ahead_close(hf_session *s);
int64_t hf_session_ahead_bytes(const hf_session *s); /* of the backend's memory */

/* Whether rgb is the next frame that was shown, and what is known of it: until the next look_ahead. It is taken, and the
 * session's queue waits for it. Any other frame makes the session forget those that were shown. HF_EDEVICE. */
int hf_session_ahead_take(hf_session *s, hf_seen *seen, bool *found, const uint8_t *rgb, hf_error *err);

/* Forget them. */
int hf_session_ahead_forget(hf_session *s, hf_error *err);

/* Features of the pictures of one batch: in the model's queue, or at once. */
int hf_session_ahead_extract(hf_session *s, hf_ahead_batch *b, hf_error *err);

/* A thread that calls hf_session_ahead_extract for batches in the order in which they are given, at most HF_AHEAD_BATCHES
 * at a time. wait_for: until the oldest that was not waited for is done. wait_idle: until all are done; none has
 * to be waited for any more. Closing takes a pointer to NULL. HF_ENOMEM where no thread can be had. */
int  hf_ahead_thread_open(hf_ahead_thread **out, hf_session *s, hf_error *err);
void hf_ahead_thread_close(hf_ahead_thread **thread);
void hf_ahead_thread_give(hf_ahead_thread *t, hf_ahead_batch *b);
void hf_ahead_thread_wait_for(hf_ahead_thread *t);
void hf_ahead_thread_wait_idle(hf_ahead_thread *t);

/* Find the labels of all keys and rewrite their maps. */
void hf_session_make_labels(hf_session *s);

/* The frame at working size: rgb itself, or scaled into s->work_rgb. */
const uint8_t *hf_session_scale(hf_session *s, const uint8_t *rgb);

/* How a frame comes to the working size. */
hf_scaling hf_session_scaling(const hf_session *s);

/* Opens s->device and sends the keys up, where the backend's memory is not the host's. HF_ENOMEM, HF_EDEVICE. */
int  hf_session_device_open(hf_session *s, hf_error *err);
void hf_session_device_close(hf_session *s);
int64_t hf_session_device_bytes(const hf_session *s); /* what open takes of the backend's memory */

/* hf_session_track, but on a device without cells nothing is waited for: rgb has to stay as it is. */
int hf_session_track_queued(hf_session *s, hf_cells *cells, const uint8_t *rgb, hf_error *err);

/* Follow into s->device->cells; rgb is sent up. cells: on the host, gets them too; NULL: they stay there with their mean, and
 * so does the frame for the render that comes next. */
int hf_session_device_track(hf_session *s, hf_cells *cells, const uint8_t *rgb, hf_error *err);

/* For a render of rgb: the frame goes up if it is not there. is_followed: it is the one that was followed last. In match mode
 * first its features follow. */
int hf_session_device_bring(hf_session *s, const uint8_t *rgb, bool is_followed, hf_error *err);

/* What is drawn on a key, there; not in match mode first. */
hf_drawing hf_session_device_drawing(const hf_session *s, int key);

/* A field of displacements of the host to the device: *flow says where it is then. */
int hf_session_device_send_flow(hf_session *s, const float **flow, hf_error *err);

/* s->device->mean to s->mean_similarity, which is there once the device is waited for. */
int hf_session_device_fetch_mean(hf_session *s, hf_error *err);

/* From s->device->field to s->ids, the mattes and s->edit, s->field.cover and coordinates that are wanted; waits for the
 * device. painted: field.painted has an edit; else s->edit is left as it is. */
int hf_session_device_finish(hf_session *s, bool painted, hf_error *err);

/* rc; where it is a failure, after waiting for the device: what was queued before it reads and writes memory that is the
 * caller's once a call has returned. */
int hf_session_device_end(hf_session *s, int rc);

/* Whether a session of these parameters has a device side; its steps then are those of the backend's tables, else the
 * host's. */
bool hf_session_on_device(const hf_session *s);
const hf_context_ops *hf_session_context_ops(const hf_session *s);
const hf_first_ops   *hf_session_first_ops(const hf_session *s);

/* s->ids and the mattes of s->field. */
void hf_session_decide(hf_session *s);

/* The result from those: post-processed, with areas. */
void hf_session_fill_result(hf_session *s, hf_result *result);

#endif
