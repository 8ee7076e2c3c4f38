import { describePlans } from './describe-plans.js'

describePlans('Prefect’s tables')
