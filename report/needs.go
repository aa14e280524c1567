package report

import (
	"fmt"
	"io"
	"strings"

	"emaudit/audit/binpkgs"
	"emaudit/parse/needs"
	"emaudit/report/screen"
)

// needRow is a need as JSON has it.
type needRow struct {
	CPV       string         `json:"cpv"`
	BuildTime *int64         `json:"build_time"`
	BuildID   *int64         `json:"build_id"`
	Repo      string         `json:"repo"`
	MD5       string         `json:"md5"`
	SHA1      string         `json:"sha1"`
	Size      *int64         `json:"size"`
	Reasons   []needs.Reason `json:"reasons"`
}

// Needs is the answer to: what must a host still be able to get?
func Needs(list *needs.List, o Output) Answer {
	return Answer{
		Keys: func(j *JSON) {
			j.Value("host_id", list.HostID)
			j.Value("known_until", list.KnownUntil)
			j.Value("valid_until", list.ValidUntil)
			WriteArray(j, "needs", func(yield func(needRow, error) bool) {
				for _, b := range list.Builds {
					if !yield(needRow{b.CPV, binpkgs.Known(b.BuildTime), binpkgs.Known(b.BuildID), b.Repo, b.MD5, b.SHA1, binpkgs.Known(b.Size), b.Reasons}, nil) {
						return
					}
				}
			})
		},
		Rows: func(w io.Writer) error {
			c := NewCSV(w, "cpv", "build_time", "build_id", "repo", "md5", "sha1", "size", "reasons")
			for _, b := range list.Builds {
				c.Row(b.CPV, binpkgs.Known(b.BuildTime), binpkgs.Known(b.BuildID), b.Repo, b.MD5, b.SHA1, binpkgs.Known(b.Size), needReasons(b.Reasons))
			}
			return c.Close()
		},
		Text: func(s *screen.Screen) {
			s.Line(screen.Bold.Text(fmt.Sprintf("%s must be able to get %s", list.Host, screen.Count(int64(len(list.Builds)), "build", "builds"))),
				screen.Plain.Text(fmt.Sprintf("; known until %s, valid until %s", o.Terminal.Time(list.KnownUntil), o.Terminal.Time(list.ValidUntil))))
			t := s.Table(screen.Column{Title: "PACKAGE"}, screen.Column{Title: "BUILT"}, screen.Column{Title: "SIZE", Align: screen.Right}, screen.Column{Title: "FOR", Shrink: screen.Wrap, Yield: 1})
			for _, b := range list.Builds {
				built, size := screen.Unknown.Text("unknown"), screen.Plain.Text("")
				if b.BuildTime != 0 {
					built = screen.Plain.Text(o.Terminal.Time(b.BuildTime))
				}
				if b.Size != 0 {
					size = screen.Plain.Text(screen.Size(b.Size))
				}
				t.Row(screen.Plain.Text(b.CPV), built, size, screen.Plain.Text(needReasons(b.Reasons)))
			}
			t.End()
		},
	}
}

// needReasons says in a few words for what a build is needed.
func needReasons(reasons []needs.Reason) string {
	var parts []string
	for _, r := range reasons {
		switch {
		case r.Why == needs.Pinned:
			parts = append(parts, "pinned as "+r.Pin)
		case r.Run != nil:
			parts = append(parts, fmt.Sprintf("before #%d", *r.Run))
		default:
			parts = append(parts, string(r.Why))
		}
	}
	return strings.Join(parts, ", ")
}
