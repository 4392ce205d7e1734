/* How the gradient of each op's result becomes gradients of its operands: a rule appends nodes. */
#ifndef AVSN_RULES_H
#define AVSN_RULES_H

#include "graph/internal.h"

/* `diff` holds the result's gradient; diff_in[i] receives operand i's where wanted[i] is true, and stays poisoned elsewhere. */
typedef void (*avsn_rule)(avsn_graph *graph, const avsn_node *node, avsn_value diff, const bool *wanted,
                          avsn_value *diff_in);

/* NULL: no gradient flows through ops of this kind. */
avsn_rule avsn_rule_of(avsn_op_kind kind);

#endif
