package visa

// Draw puts a text in the place of the random characters of a layout.
func Draw(text string, mbpac *MBPAC, mbpad *MBPAD) {
	draw := func(n, _ int) []byte {
		out := []byte(text)
		for i := range out {
			out[i] -= '!'
		}
		return out[:n]
	}
	mbpac.m.draw, mbpad.m.draw = draw, draw
}

// DrawText is what draws.
var DrawText = drawText
