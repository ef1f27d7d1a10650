"""Whether an importance finds the planted cause, and so which attention is faithful.

Cases are the held-out items that the rule produced and whose cause (for a conjunction, either of
two) a model can read. "Faithful" is measured, never taken from a name. An attention map, that is a
model and a reduction of its attention, is

- *faithful* if it ranks a cause first in at least `FOUND` of the cases, in at least `FOUND` of those
  that the model gets right, and more often than chance and recency do, by intervals that do not
  reach 0;
- *unfaithful* if it does so no more often than the better of chance and recency plus `MARGIN`, or
  if nothing has a cause;
- *partly* faithful otherwise, which is shown and counts in no error rate.

A model that has not learned the rule uses no cause, so that its map could be faithful to the data
but not to the model: where its Hit@1 in these cases is less than `LEARNED` of what is possible, it
is *unlearned*; whoever points at a cause there explains what the model did not do.
"""
