"""The renderer of the local service: one portrait and one narration to a talking video.

`render.render` is the whole job. The stages stand in modules of their own: `canvas` (what
is shown), `rig` (`controls`, `fields`, `blink`: how the portrait can move), `speech` and
`motion` (how it shall move), `compose` (`warp`, `mouth`: one frame) and `segments` (many
frames, in any process).
"""
