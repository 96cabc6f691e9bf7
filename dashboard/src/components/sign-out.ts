import { explain } from '@/api/errors'
import { useSignOut } from '@/api/queries'
import { toast } from '@/components/ui/toast'

/** Ends the session; the page is loaded anew, so that nothing of it stays in memory. */
export function useSignOutAndLeave() {
  const signOut = useSignOut()
  return {
    busy: signOut.isPending,
    leave: () =>
      signOut.mutate(undefined, {
        onSuccess: () => location.assign('/sign-in?out=1'),
        onError: (error) => toast.bad(explain(error)),
      }),
  }
}
