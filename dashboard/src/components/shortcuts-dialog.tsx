import { Dialog, DialogBody } from './ui/dialog'
import { Kbd } from './ui/code'

const SHORTCUTS: [string[], string][] = [
  [['n'], 'New workspace'],
  [['/'], 'Search workspaces'],
  [['↓', '↑'], 'Go through the workspaces'],
  [['Enter'], 'Open the selected one, or the first one found'],
  [['?'], 'Show this list'],
  [['Esc'], 'Close a dialog or menu'],
]

export default function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} title="Keyboard shortcuts">
      <DialogBody>
        <dl className="divide-y divide-line">
          {SHORTCUTS.map(([keys, text]) => (
            <div key={text} className="flex items-center justify-between gap-4 py-2">
              <dt>{text}</dt>
              <dd className="flex gap-1">
                {keys.map((key) => (
                  <Kbd key={key}>{key}</Kbd>
                ))}
              </dd>
            </div>
          ))}
        </dl>
      </DialogBody>
    </Dialog>
  )
}
