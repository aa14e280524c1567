package prune

import (
	"context"
)

// Keep is the default time that files wait in the quarantine, in seconds: two
// weeks.
const Keep = 14 * 24 * 60 * 60

// Emptied says what Empty deleted for good.
type Emptied struct {
	PkgDir   string   `json:"pkgdir"`
	Journals []string `json:"journals"`
	Files    int      `json:"files"`
	Size     int64    `json:"size"` // bytes
}

// Empty deletes the files of the journals that began at or before a unix time, in
// seconds. Nobody can bring them back.
func (p *PkgDir) Empty(ctx context.Context, before int64) (Emptied, error) {
	emptied := Emptied{PkgDir: p.path, Journals: []string{}}
	err := p.locked(ctx, func() error {
		if _, err := p.recover(); err != nil {
			return err
		}
		return p.eachQuarantine(func(at place, quarantine folder, ids []string) error {
			for _, id := range ids {
				j, err := openJournal(quarantine, id)
				if err != nil {
					continue // Journals reports it.
				}
				if j.phase == applied && j.record.CreatedAt <= before {
					if err = p.empty(quarantine, j); err == nil {
						emptied.Journals = append(emptied.Journals, id)
						emptied.Files += len(j.record.Moves)
						emptied.Size += j.record.size()
					}
				}
				j.dir.close()
				if err != nil {
					return err
				}
			}
			return at.remove()
		})
	})
	return emptied, err
}

// empty deletes the files of one journal. The mark tells the next process, after a
// kill, to finish the deletion and not to put files back.
func (p *PkgDir) empty(quarantine folder, j *journal) error {
	err := j.dir.rename(appliedFile, j.dir, emptyingFile, false)
	if err == nil {
		j.phase = emptying
		if err = j.dir.sync(); err == nil {
			err = j.finish(quarantine)
		}
	}
	if err != nil {
		return p.wrap("empty "+j.id, err)
	}
	return nil
}
