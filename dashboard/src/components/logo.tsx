/** The mark: a prompt turned into a V, and the cursor after it. */
export function Logo({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={className} aria-hidden>
      <rect width="32" height="32" rx="8" fill="#4a4fdb" />
      <path d="M7.5 10.5l6 10 6-10" fill="none" stroke="#fff" strokeWidth="3.2" strokeLinecap="round" strokeLinejoin="round" />
      <path d="M20.5 21.5h5" stroke="#b9c0ff" strokeWidth="3.2" strokeLinecap="round" />
    </svg>
  )
}
