/* Distances in a tree of labels: breadth-first search from each label asked about. */
#include "train/metrics.h"

#include <string.h>

/* Neighbours of node k: list[starts[k]...starts[k + 1] - 1]. The virtual root is node `nodes`. */
typedef struct neighbours {
    int64_t *starts; /* [nodes + 2] */
    int32_t *list;
    int32_t *queue; /* [nodes + 1] */
    int32_t *depth; /* [nodes + 1] */
    uint8_t *parent; /* [nodes] whether it has one */
    int64_t links;
} neighbours;

static avsound_status check_labels(int32_t nodes, const int32_t *edges, int64_t edge_count, const int32_t *labels,
                                   int32_t label_count, const int32_t *distances)
{
    if (nodes < 0 || edge_count < 0 || label_count < 0 || nodes == INT32_MAX)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "label_distances: a count is negative or too large");
    if ((edge_count && !edges) || (label_count && (!labels || !distances)))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "label_distances: edges, labels or distances is NULL");
    for (int64_t i = 0; i < edge_count; i++) {
        const int32_t child = edges[2 * i], parent = edges[2 * i + 1];
        if (child < 0 || child >= nodes || parent < 0 || parent >= nodes || child == parent)
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "label_distances: edge %lld joins %d and %d, want two of 0...%d",
                      (long long)i, child, parent, nodes - 1);
    }
    for (int32_t i = 0; i < label_count; i++)
        if (labels[i] < 0 || labels[i] >= nodes)
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "label_distances: labels[%d] is %d, want 0...%d", i, labels[i],
                      nodes - 1);
    return AVSOUND_OK;
}

static void count_link(neighbours *n, int32_t a, int32_t b)
{
    n->starts[a + 1]++;
    n->starts[b + 1]++;
}

/* `next` holds where each node's next neighbour goes. */
static void add_link(neighbours *n, int64_t *next, int32_t a, int32_t b)
{
    n->list[next[a]++] = b;
    n->list[next[b]++] = a;
}

static avsound_status allocate(avsound_context *context, int32_t nodes, int64_t edge_count, neighbours *n)
{
    const size_t all = (size_t)nodes + 1;
    n->starts = avsn_alloc_zeroed(context, all + 1, sizeof *n->starts);
    n->list = n->starts ? avsn_alloc(context, 2 * ((size_t)edge_count + all), sizeof *n->list) : NULL;
    n->queue = n->list ? avsn_alloc(context, all, sizeof *n->queue) : NULL;
    n->depth = n->queue ? avsn_alloc(context, all, sizeof *n->depth) : NULL;
    n->parent = n->depth ? avsn_alloc_zeroed(context, all, 1) : NULL;
    return n->parent ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static void release(avsound_context *context, neighbours *n)
{
    avsn_free(context, n->parent);
    avsn_free(context, n->depth);
    avsn_free(context, n->queue);
    avsn_free(context, n->list);
    avsn_free(context, n->starts);
}

static avsound_status join(avsound_context *context, int32_t nodes, const int32_t *edges, int64_t edge_count,
                           neighbours *n)
{
    for (int64_t i = 0; i < edge_count; i++) {
        count_link(n, edges[2 * i], edges[2 * i + 1]);
        n->parent[edges[2 * i]] = 1;
    }
    for (int32_t k = 0; k < nodes; k++)
        if (!n->parent[k])
            count_link(n, k, nodes);
    for (int32_t k = 0; k <= nodes; k++)
        n->starts[k + 1] += n->starts[k];
    int64_t *next = avsn_alloc(context, (size_t)nodes + 1, sizeof *next);
    if (!next)
        return AVSOUND_E_NO_MEMORY;
    memcpy(next, n->starts, ((size_t)nodes + 1) * sizeof *next);
    for (int64_t i = 0; i < edge_count; i++)
        add_link(n, next, edges[2 * i], edges[2 * i + 1]);
    for (int32_t k = 0; k < nodes; k++)
        if (!n->parent[k])
            add_link(n, next, k, nodes);
    avsn_free(context, next);
    return AVSOUND_OK;
}

static void search(neighbours *n, int32_t nodes, int32_t from)
{
    int32_t head = 0, tail = 0;
    for (int32_t k = 0; k <= nodes; k++)
        n->depth[k] = -1;
    n->depth[from] = 0;
    n->queue[tail++] = from;
    while (head < tail) {
        const int32_t a = n->queue[head++];
        for (int64_t i = n->starts[a]; i < n->starts[a + 1]; i++) {
            const int32_t b = n->list[i];
            if (n->depth[b] >= 0)
                continue;
            n->depth[b] = n->depth[a] + 1;
            n->queue[tail++] = b;
        }
    }
}

static avsound_status measure(neighbours *n, int32_t nodes, const int32_t *labels, int32_t label_count,
                              int32_t *distances)
{
    for (int32_t i = 0; i < label_count; i++) {
        search(n, nodes, labels[i]);
        if (n->depth[nodes] < 0)
            AVSN_FAIL(AVSOUND_E_FORMAT, "label_distances: the parents of node %d run in a circle", labels[i]);
        for (int32_t j = 0; j < label_count; j++)
            distances[(int64_t)i * label_count + j] = n->depth[labels[j]];
    }
    return AVSOUND_OK;
}

avsound_status avsound_label_distances(avsound_context *context, int32_t nodes, const int32_t *edges,
                                       int64_t edge_count, const int32_t *labels, int32_t label_count,
                                       int32_t *distances)
{
    neighbours n = {0};
    if (!context)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "label_distances: context is NULL");
    AVSN_TRY(check_labels(nodes, edges, edge_count, labels, label_count, distances));
    avsound_status status = allocate(context, nodes, edge_count, &n);
    if (!status)
        status = join(context, nodes, edges, edge_count, &n);
    if (!status)
        status = measure(&n, nodes, labels, label_count, distances);
    release(context, &n);
    return status;
}
