package code

import "fmt"

// Wrap returns an error that unwraps to kind and whose text is kind's, a colon and
// the detail, which holds no secret and nothing that was sent.
func Wrap(kind *Sentinel, detail string) error { return fmt.Errorf("%w: %s", kind, detail) }

// Hidden is an error whose text is that of its sentinel alone, so that a sender who
// sees it learns nothing; the detail is for the record.
type Hidden struct {
	kind   *Sentinel
	detail string
}

// Hide returns kind with a detail that its text does not show. The detail holds no
// part of what was sent.
func Hide(kind *Sentinel, detail string) error { return &Hidden{kind, detail} }

func (h *Hidden) Error() string { return h.kind.Error() }

// Detail returns what was wrong.
func (h *Hidden) Detail() string { return h.detail }

// Code returns the code of the sentinel.
func (h *Hidden) Code() uint32 { return h.kind.Code() }

// Unwrap returns the sentinel.
func (h *Hidden) Unwrap() error { return h.kind }

// Detail returns what an error of an opening tells the record and not the sender; ""
// when it tells nothing.
func Detail(err error) string {
	for err != nil {
		if d, ok := err.(interface{ Detail() string }); ok {
			return d.Detail()
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return ""
		}
		err = u.Unwrap()
	}
	return ""
}
