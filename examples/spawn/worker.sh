# A plain command: stopped by TERM, its output becomes lines of the log.
trap 'echo "shell worker ends"; exit 0' TERM
while :; do
	echo "Awesome work! worker=$SERVERENGINE_WORKER_ID pid=$$"
	sleep 1 &
	wait $!
done
