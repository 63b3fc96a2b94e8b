"""Scores of the symbols of four voices by intervals: to the voice itself and to the other voices.

A pitch is judged by itself, by its distance from the voice's last pitch, and by its
interval to each other voice: to what that voice sounds at the same sixteenth if it comes earlier in
the frame, and to its last pitch before the frame otherwise. So the same rule, such as no parallel
fifths, need not be learned for every pair of pitches.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding

from dmm_core.music.symbols import (
    HIGHEST_OF,
    ONSET,
    SLOTS,
    SYMBOLS,
    VOICE_ORDER,
    VOICES,
    pitch_of_symbol,
)
from dmm_core.music.voices import REST, STEPS
from dmm_core.nn.categorical import SlotScores

__all__ = ["VoiceSlots"]

_WIDTH = (SYMBOLS - ONSET) // 2
_FURTHEST = 12
"""Larger melodic intervals share a score."""
_MELODIC = 2 * _FURTHEST + 2
"""Melodic intervals, and one score for a voice that was silent."""
_CLASSES = 13
"""Interval classes, and one for a pair of which one voice is silent."""
_OTHERS = len(VOICES) - 1
_PAIRS = len(VOICES) * _OTHERS
_STATES = 3 * _CLASSES
"""What a pair of voices was: an interval class, and whether the other voice stays, rises or
falls."""
_APART = 24
"""Larger distances between two voices share a score."""
_IMPOSSIBLE = -1e9
"""Logit of the continuation of a pitch that does not sound."""


class VoiceSlots(SlotScores):
    """Scores the symbols of `dmm_core.music.symbols`.

    With h the hidden units of a slot, p a pitch, q the voice's last pitch, and o_u the pitch of the
    other voice u, the logit of an onset of p is

        A h [p] + M h [p - q] + sum_u D_u[p - o_u] + sum_u V_u h [(p - o_u) mod 12]
            + sum_u S_u[s_u, (p - o_u) mod 12, p > q] + sum_u B_u[t_u, (p - o_u) mod 12, p > r].

    D, S and B are tables that do not depend on h; D judges how far two voices are apart, S and B
    how they move. s_u is the interval class of q and the pitch that u had at the same time, and
    whether u has stayed, risen or fallen since; p is not q. On the first sixteenth of a beat, r and
    t_u are the same from the first sixteenth of the beat before; elsewhere this term is left out.
    The logits of a rest and of the continuation of q are linear in h. A continuation of any other
    pitch, and a pitch above the voice's range, is impossible. The hidden units also see the
    interval class of q and each o_u. The matrices and tables are those of a voice.

    Args:
        units: hidden units of a slot.
        dropout: probability of dropping a hidden unit in training mode.
    """

    own: Tensor
    now: Tensor
    earlier: Tensor
    pitch: Tensor
    candidates: Tensor
    outside: Tensor
    voice: Tensor
    classes: Tensor

    def __init__(self, *, units: int, dropout: float = 0.0) -> None:
        super().__init__(slots=SLOTS, categories=SYMBOLS, units=units, dropout=dropout)
        outputs = 2 + _WIDTH + _MELODIC + _OTHERS * _CLASSES
        self.write = nn.Parameter(torch.empty(len(VOICES), units, outputs))
        self.offset = nn.Parameter(torch.zeros(SLOTS, outputs))
        self.spacing = nn.Parameter(torch.zeros(_PAIRS, 2 * _APART + 1))
        self.relation = nn.Parameter(torch.zeros(_PAIRS * _CLASSES, units))
        self.motion = nn.Parameter(torch.zeros(_PAIRS * _STATES, 2 * _CLASSES))
        self.beat_motion = nn.Parameter(torch.zeros(_PAIRS * _STATES, 2 * _CLASSES))
        for name, values in _layout().items():
            self.register_buffer(name, values, persistent=False)

    @torch.no_grad()
    def reset(self, generator: torch.Generator) -> None:
        """Draw the initial weights."""
        super().reset(generator)
        self.write.normal_(0.0, self.write.shape[1] ** -0.5, generator=generator)

    def scores(
        self,
        hidden: Float[Tensor, "frame some unit"],
        x: Int[Tensor, "frame slot"],
        before: Int[Tensor, "frame slot"] | None,
        at: slice,
    ) -> Float[Tensor, "frame some category"]:
        """The logits of all symbols.

        Raises:
            ValueError: if the symbols of the frame before are missing.
        """
        if before is None:
            raise ValueError("Intervals need the symbols of the frame before.")
        # The pitches of each voice: in the frame before, and in the frame.
        slot = torch.arange(SLOTS, device=x.device)
        line = torch.cat(
            [self.pitch[slot, s].unflatten(-1, (-1, STEPS)) for s in (before, x)], dim=-1
        ).flatten(-2)
        own, now, earlier = line[:, self.own[at]], line[:, self.now[at]], line[:, self.earlier[at]]
        pair = self.voice[at, None] * _OTHERS + torch.arange(_OTHERS, device=x.device)
        related = pair * _CLASSES + _interval(own[..., None], now)
        hidden = hidden + embedding(related, self.relation).sum(-2)
        # The products with each voice's matrix.
        units = self.dropped(torch.relu(hidden))
        parts = torch.einsum("fsu,suo->fso", units, self.write[self.voice[at]]) + self.offset[at]
        rest, hold, onset, melodic, vertical = parts.split(
            [1, 1, _WIDTH, _MELODIC, _OTHERS * _CLASSES], dim=-1
        )
        # The scores of each candidate.
        pitch = self.candidates[at].expand(*own.shape, -1)
        steps = (pitch - own[..., None]).clamp(-_FURTHEST, _FURTHEST) + _FURTHEST
        steps = torch.where((own == REST)[..., None], _MELODIC - 1, steps)
        onset = onset + melodic.gather(-1, steps)
        # The interval classes of all candidates follow from that of the lowest.
        interval = embedding(_interval(pitch[..., :1], now), self.classes)
        moves = self._moves(self.motion, pair, own, now, earlier)
        onset = onset + _judged(moves, vertical, interval, pitch, own)
        onset = onset + self._apart(pair, pitch, now)
        onset = onset + self._from_beat_to_beat(line, pair, pitch, interval, now, at)
        onset = onset.masked_fill(self.outside[at], _IMPOSSIBLE)
        hold = torch.where(pitch == own[..., None], hold, _IMPOSSIBLE)
        return torch.cat([rest, onset, hold], dim=-1)

    def tempered(
        self, log_p: Float[Tensor, "*draw category"], temperature: float
    ) -> Float[Tensor, "*draw category"]:
        """Logits at a temperature that changes the choice of a pitch, and not the rhythm.

        Whether a slot is a rest, an onset or a continuation keeps its probability. At 0 the most
        likely pitch begins.
        """
        rest, onset, hold = log_p.split([ONSET, _WIDTH, _WIDTH], dim=-1)
        begins = onset.logsumexp(-1, keepdim=True)
        sharp = begins + (onset / max(temperature, 1e-6)).log_softmax(-1)
        # Without any onset that is allowed, the last term is not a number.
        return torch.cat([rest, torch.where(begins.isneginf(), begins, sharp), hold], dim=-1)

    def _moves(
        self, table: Tensor, pair: Tensor, own: Tensor, now: Tensor, earlier: Tensor
    ) -> Tensor:
        """The rows of a table of motions, (frame, some, other, 26)."""
        direction = torch.sign(now - earlier).masked_fill((now == REST) | (earlier == REST), 0) + 1
        state = direction * _CLASSES + _interval(own[..., None], earlier)
        return embedding(pair * _STATES + state, table)

    def _apart(self, pair: Tensor, pitch: Tensor, now: Tensor) -> Tensor:
        """The sum over the other voices of the scores of each candidate's distance."""
        sound = now[..., None]
        distance = (pitch[..., None, :] - sound).clamp(-_APART, _APART) + _APART
        table = self.spacing[pair].expand(len(pitch), -1, -1, -1)
        return table.gather(-1, distance).masked_fill(sound == REST, 0.0).sum(-2)

    def _from_beat_to_beat(
        self,
        line: Tensor,
        pair: Tensor,
        pitch: Tensor,
        interval: Tensor,
        now: Tensor,
        at: slice,
    ) -> Tensor:
        """The scores of motions between first sixteenths; zero for the other slots."""
        places = torch.arange(SLOTS, device=line.device)[at]
        first = places % STEPS == 0
        found = pitch.new_zeros(pitch.shape, dtype=self.beat_motion.dtype)
        if not bool(first.any()):
            return found
        # A voice's first sixteenth in the frame before is where its line begins.
        begins = torch.arange(len(VOICES), device=line.device) * 2 * STEPS
        own, others = line[:, begins[self.voice[at][first]]], self.now[at][first]
        earlier = line[:, others - others % (2 * STEPS)]
        moves = self._moves(self.beat_motion, pair[first], own, now[:, first], earlier)
        judged = _judged(moves, None, interval[:, first], pitch[:, first], own)
        return found.index_copy(1, first.nonzero()[:, 0], judged)


def _interval(a: Tensor, b: Tensor) -> Tensor:
    """The interval class of pitches, or the class of silence."""
    return torch.where((a == REST) | (b == REST), _CLASSES - 1, (a - b) % 12)


def _judged(
    moves: Float[Tensor, "frame some other moved"],
    vertical: Float[Tensor, "frame some classes"] | None,
    interval: Int[Tensor, "frame some other candidate"],
    pitch: Int[Tensor, "frame some candidate"],
    own: Int[Tensor, "frame some"],
) -> Float[Tensor, "frame some candidate"]:
    """The sum over the other voices of the scores of each candidate's interval and motion."""
    own, pitch = own[..., None, None], pitch[..., None, :]
    moved = moves.gather(-1, interval + _CLASSES * (pitch > own))
    total = moved.masked_fill(pitch == own, 0.0)
    if vertical is not None:
        total = total + vertical.unflatten(-1, (_OTHERS, _CLASSES)).gather(-1, interval)
    return total.sum(-2)


def _layout() -> dict[str, Tensor]:
    """Where each slot finds pitches in the voices' lines, and what symbols mean.

    The line of a voice has its four pitches of the frame before and its four of the frame.
    """
    own, now, earlier, voice = [], [], [], []
    for v in range(len(VOICES)):
        for k in range(STEPS, 2 * STEPS):
            others = [u for u in range(len(VOICES)) if u != v]
            own.append(v * 2 * STEPS + k - 1)
            now.append([u * 2 * STEPS + (k if u < v else STEPS - 1) for u in others])
            earlier.append([u * 2 * STEPS + (k - 1 if u < v else STEPS - 1) for u in others])
            voice.append(v)
    pitch = torch.from_numpy(pitch_of_symbol().astype("int64"))
    candidates = pitch[:, ONSET : ONSET + _WIDTH].clone()
    highest = torch.tensor([int(HIGHEST_OF[v]) for v in VOICE_ORDER]).repeat_interleave(STEPS)
    rising = torch.arange(_CLASSES - 1)[:, None] + torch.arange(_WIDTH)
    return {
        "own": torch.tensor(own),
        "now": torch.tensor(now),
        "earlier": torch.tensor(earlier),
        "pitch": pitch,
        "candidates": candidates,
        "outside": candidates > highest[:, None],
        "voice": torch.tensor(voice),
        "classes": torch.cat([rising % 12, torch.full((1, _WIDTH), _CLASSES - 1)]),
    }
