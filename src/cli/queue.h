/* queue.h - a bounded queue of pointers between two threads.
 *
 * The pipeline decode | compute | encode is joined by these. A full queue makes
 * the writer wait, so that memory stays the same however long the video is. A pool of
 * free frames is the same thing, filled at the start.
 */
#ifndef HF_SRC_CLI_QUEUE_H
#define HF_SRC_CLI_QUEUE_H

#include "src/error.h"

typedef struct hf_queue hf_queue;

/* capacity >= 1. HF_ENOMEM. The items are the caller's; free does not touch them. */
int  hf_queue_new(hf_queue **out, int capacity, hf_error *err);
void hf_queue_free(hf_queue **queue);

/* Wait for room and append. HF_OK, or HF_EINTERRUPTED after finish or abort (the item stays the caller's). */
int hf_queue_push(hf_queue *queue, void *item);

/* Wait for an item and take the oldest. HF_OK; HF_EOF after finish when none is left;
 * HF_EINTERRUPTED after abort. *item is NULL unless HF_OK. */
int hf_queue_pop(hf_queue *queue, void **item);

/* The same without waiting: HF_OK with *item NULL where there is none yet. One thread alone may pop. */
int hf_queue_pop_now(hf_queue *queue, void **item);

/* No more items will come: pops get what is there, then HF_EOF. */
void hf_queue_finish(hf_queue *queue);

/* Everybody stops now: waiting and later calls return HF_EINTERRUPTED. */
void hf_queue_abort(hf_queue *queue);

#endif
