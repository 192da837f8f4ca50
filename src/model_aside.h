/* model_aside.h - a model whose network runs in a queue of its own, beside the queue of those who use its features.
 *
 *   queue of the user   ... picture written | mark ->          -> wait | features read ...
 *   queue of the model                        wait | network | mark
 *
 * As a model it is in order with the user's queue, as any other. Who looks ahead calls the inner model instead, and
 * lets the user's queue wait when the features are wanted: the network then runs while the user's queue does something else.
 *
 * On the host nothing is queued: a call has done its work when it returns. There the inner model's handle has its own number of
 * threads and its own scratch memory, so that another thread may call the inner model meanwhile; the user may not.
 */
#ifndef HF_SRC_MODEL_ASIDE_H
#define HF_SRC_MODEL_ASIDE_H

#include "src/model.h"

/*
 * be: of the user, with marks (hf_ops.mark_new) or on the host, on the device of inner->backend, which is another handle. Takes inner,
 * also after a failure. Both handles must outlive the model. HF_ENOMEM, HF_EDEVICE.
 */
int hf_model_aside_open(hf_model **out, hf_backend *be, hf_model *inner, hf_error *err);

/* The model that was taken. */
hf_model *hf_model_aside_inner(const hf_model *aside);

#endif
